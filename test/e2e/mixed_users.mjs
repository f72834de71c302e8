// Many users over four database connections, with functions between them that leave whatever a session can keep. Every answer is its
// caller's: the rows, the claims, the settings; nothing that one request leaves is there for the next.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { Lane, drive } from './lib/lane.mjs';
import { serve, sign, sql } from './lib/serve.mjs';

const total = 10_000;
const users = Array.from({ length: 60 }, (_, i) => `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`);
const victim = users[0];

const fixture = `
  CREATE TABLE public.e2e_mine (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id uuid DEFAULT auth.uid(), secret text);
  INSERT INTO public.e2e_mine (user_id, secret) SELECT u, 'of ' || u FROM unnest('{${users}}'::uuid[]) AS u, generate_series(1, 3);
  CREATE TABLE public.e2e_later (user_id uuid DEFAULT auth.uid(), statement text);
  ALTER TABLE public.e2e_mine ENABLE ROW LEVEL SECURITY;
  ALTER TABLE public.e2e_later ENABLE ROW LEVEL SECURITY;
  CREATE POLICY own ON public.e2e_mine USING (user_id = auth.uid()) WITH CHECK (user_id = auth.uid());
  CREATE POLICY own ON public.e2e_later USING (user_id = auth.uid()) WITH CHECK (user_id = auth.uid());
  GRANT SELECT, INSERT ON public.e2e_mine, public.e2e_later TO anon, authenticated, service_role;

  CREATE FUNCTION public.e2e_run(statements text[]) RETURNS void LANGUAGE plpgsql AS $$
  DECLARE statement text;
  BEGIN
    FOREACH statement IN ARRAY statements LOOP EXECUTE statement; END LOOP;
  END $$;

  CREATE FUNCTION public.e2e_run_later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE NEW.statement; RETURN NULL; END $$;
  CREATE CONSTRAINT TRIGGER later AFTER INSERT ON public.e2e_later DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION public.e2e_run_later();

  -- Names are looked up when it runs: what is in front of public answers for it.
  CREATE FUNCTION public.e2e_list() RETURNS jsonb LANGUAGE plpgsql AS $$
  BEGIN
    RETURN (SELECT coalesce(jsonb_agg(m), '[]') FROM (SELECT * FROM e2e_mine ORDER BY id LIMIT 5) AS m);
  END $$;

  CREATE FUNCTION public.e2e_whoami() RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
  DECLARE
    last text := 'none';
  BEGIN
    BEGIN
      last := pg_catalog.lastval();
    EXCEPTION WHEN object_not_in_prerequisite_state THEN NULL;
    END;
    RETURN pg_catalog.jsonb_build_object('pid', pg_catalog.pg_backend_pid(), 'last', last,
      'uid', auth.uid(), 'role', auth.role(), 'claims', nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::jsonb,
      'user', current_user, 'session', session_user,
      'settings', (SELECT pg_catalog.jsonb_object_agg(name, setting) FROM pg_catalog.pg_settings
                    WHERE name IN ('TimeZone', 'search_path', 'statement_timeout', 'role', 'session_authorization', 'work_mem', 'row_security',
                                   'default_transaction_read_only', 'default_transaction_isolation', 'session_replication_role', 'DateStyle',
                                   'response.headers', 'response.status', 'idle_in_transaction_session_timeout', 'enable_seqscan')),
      'own', coalesce(pg_catalog.current_setting('e2e.left', true), ''),
      'merged', coalesce(pg_catalog.current_setting('pgrst.merged', true), ''),
      'prepared', (SELECT pg_catalog.count(*) FROM pg_catalog.pg_prepared_statements WHERE name LIKE 'e2e%'),
      'cursors', (SELECT pg_catalog.count(*) FROM pg_catalog.pg_cursors WHERE name LIKE 'e2e%'),
      'listening', (SELECT pg_catalog.count(*) FROM pg_catalog.pg_listening_channels()),
      'locks', (SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid()),
      'temporary', (SELECT pg_catalog.count(*) FROM pg_catalog.pg_class WHERE relnamespace = pg_catalog.pg_my_temp_schema())
                 + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_proc WHERE pronamespace = pg_catalog.pg_my_temp_schema())
                 + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_type WHERE typnamespace = pg_catalog.pg_my_temp_schema()));
  END $$;`;

const removal = `
  DROP TABLE public.e2e_mine, public.e2e_later;
  DROP FUNCTION public.e2e_run, public.e2e_run_later, public.e2e_list, public.e2e_whoami;`;

const claims = JSON.stringify({ sub: victim, role: 'service_role' });
const stolen = (what) => `${what} e2e_mine AS SELECT 0 AS id, '${victim}'::uuid AS user_id, 'planted'::text AS secret`;
const raise = "DO 'BEGIN RAISE EXCEPTION ''on purpose''; END'";

// What is run, and a status that says that it ran (or was refused); each may also raise at its end.
const hostile = [
  ['claims', `SELECT set_config('request.jwt.claims', '${claims}', false)`],
  ['claims of another name', `SELECT set_config('request.jwt.claim.sub', '${victim}', false)`],
  ['role by set_config', "SELECT set_config('role', 'service_role', false)"],
  ['role of a superuser', 'SET ROLE postgres'],
  ['role', 'SET ROLE authenticated'],
  ['no role', 'SET ROLE NONE'],
  ['session authorization', 'SET SESSION AUTHORIZATION postgres'],
  ['everything reset', 'RESET ALL'],
  ['search_path', "SELECT set_config('search_path', 'pg_temp, pg_catalog', false)"],
  ['search_path without public', 'SET search_path = pg_catalog'],
  ['response.headers', `SELECT set_config('response.headers', '[{"x-left":"yes"}]', false)`],
  ['response.status', "SELECT set_config('response.status', '418', false)"],
  ['a setting of its own', "SELECT set_config('e2e.left', 'yes', false)"],
  ['pgrst.merged', "SELECT set_config('pgrst.merged', '7', false)"],
  ['the identity of workers', `SELECT set_config('vyricon.identity', '${claims}', false)`],
  ['the time zone', "SET TIME ZONE 'Asia/Tokyo'"],
  ['statement_timeout', "SET statement_timeout = '1ms'"],
  ['work_mem', "SET work_mem = '17MB'"],
  ['planner settings', 'SET enable_seqscan = off'],
  ['read-only transactions', 'SET default_transaction_read_only = on'],
  ['an isolation level', "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE"],
  ['row_security', 'SET row_security = off'],
  ['a date style', "SET DateStyle = 'SQL, DMY'"],
  ['PREPARE', 'PREPARE e2e_left AS SELECT 1'],
  ['DEALLOCATE ALL', 'DEALLOCATE ALL'],
  ['DISCARD', 'DISCARD TEMP'],
  ['a cursor WITH HOLD', 'DECLARE e2e_left CURSOR WITH HOLD FOR SELECT 1'],
  ['a temporary table', stolen('CREATE TEMP TABLE')],
  ['a temporary table that drops its rows', `CREATE TEMP TABLE e2e_mine (id int, user_id uuid, secret text) ON COMMIT DELETE ROWS`],
  ['a temporary view', stolen('CREATE TEMP VIEW')],
  ['a temporary function', "CREATE FUNCTION pg_temp.left_over() RETURNS int LANGUAGE sql AS 'SELECT 1'"],
  ['a temporary type', "CREATE TYPE pg_temp.left_type AS ENUM ('a')"],
  ['LISTEN', 'LISTEN e2e_left'],
  ['UNLISTEN', 'UNLISTEN *'],
  ['NOTIFY', "SELECT pg_notify('e2e_left', 'x')"],
  ['an advisory lock', 'SELECT pg_advisory_lock(pg_backend_pid())'],
  ['a shared advisory lock', 'SELECT pg_advisory_lock_shared(4711), pg_advisory_lock_shared(4711)'],
  ['a deferred setting', `INSERT INTO public.e2e_later VALUES (auth.uid(), 'SELECT set_config(''request.jwt.claims'', ''{}'', false)')`],
  ['a deferred temporary table', `INSERT INTO public.e2e_later VALUES (auth.uid(), 'CREATE TEMP TABLE e2e_mine (id int, user_id uuid, secret text)')`],
  ['a deferred deferred setting', `INSERT INTO public.e2e_later VALUES (auth.uid(), 'INSERT INTO public.e2e_later VALUES (auth.uid(), ''SET work_mem = 1024'')')`],
  ['a deferred error', `INSERT INTO public.e2e_later VALUES (auth.uid(), 'SELECT 1/0')`],
  ['a sequence', "INSERT INTO public.e2e_mine (secret) VALUES ('of ' || auth.uid())"],
  ['constraints', 'SET CONSTRAINTS ALL IMMEDIATE'],
  ['COMMIT', 'COMMIT'],
  ['an error', raise],
];
const sleeps = new Set([1000, 3000, 5000, 7000]);

let server;
let lanes;
let callers;
let expected;
const pids = new Set();
const ran = new Map();

// The same order in every run.
let seed = 20260101;
const random = (n) => { seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff; return (seed >>> 8) % n; };

function compose(caller, { method = 'POST', path, body, prefer }, id) {
  const sent = body === undefined ? '' : JSON.stringify(body);
  const fields = [
    ...(caller.key ? [`apikey: ${caller.key}`] : []), ...(caller.token ? [`authorization: Bearer ${caller.token}`] : []),
    ...(prefer ? [`prefer: ${prefer}`] : []), ...(method === 'POST' ? ['content-type: application/json', `content-length: ${Buffer.byteLength(sent)}`] : []),
  ];
  return `${method} /rest/v1/${path} HTTP/1.1\r\nhost: h\r\nx-request-id: ${id}\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n${sent}`;
}

async function ask(lane, caller, request, id) {
  const answer = await lane.ask(compose(caller, request, id));
  assert.equal(answer.headers['x-request-id'], id, 'the answer of another request');
  answer.said = answer.body.toString();
  return answer;
}

const good = (answer, status = 200) => assert.equal(answer.status, status, answer.said);
const plain = (answer) => assert.equal(answer.headers['x-left'], undefined, 'a header of another request');

function whose(rows, caller, atLeast) {
  if (caller.all) return;
  assert.ok(rows.length >= atLeast, `${rows.length} rows`);
  for (const row of rows) assert.ok(row.user_id === caller.uid && row.secret === `of ${caller.uid}`, `a row of another: ${JSON.stringify(row)}`);
}

// What a request is, and what its answer must be.
const kinds = [
  ['a read', 35, (caller) => [{ method: 'GET', path: 'e2e_mine?order=id&limit=5' }, (answer) => {
    good(answer);
    plain(answer);
    whose(JSON.parse(answer.said), caller, caller.uid ? 3 : 0);
  }]],
  ['whoami', 20, (caller) => [random(2) ? { path: 'rpc/e2e_whoami', body: {} } : { method: 'GET', path: 'rpc/e2e_whoami' }, (answer) => {
    good(answer);
    plain(answer);
    const { pid, ...who } = JSON.parse(answer.said);
    pids.add(pid);
    assert.deepEqual(who, expected.get(caller));
  }]],
  ['a list by a function', 15, (caller) => [{ path: 'rpc/e2e_list', body: {} }, (answer) => {
    good(answer);
    plain(answer);
    whose(JSON.parse(answer.said), caller, caller.uid ? 3 : 0);
  }]],
  ['an insert', 10, (caller) => [{ path: 'e2e_mine', body: { secret: `of ${caller.uid}` }, prefer: 'return=representation' }, (answer) => {
    if (!caller.uid && !caller.all) return assert.ok([401, 403].includes(answer.status), answer.said);
    good(answer, 201);
    plain(answer);
    return whose(JSON.parse(answer.said), caller, 1);
  }]],
  ['hostile', 20, () => {
    const [name, statement] = hostile[random(hostile.length)];
    const raises = random(3) === 0;
    return [{ path: 'rpc/e2e_run', body: { statements: raises ? [statement, raise] : [statement] } }, (answer) => {
      ran.set(name, (ran.get(name) ?? new Set()).add(answer.status));
      assert.ok(answer.status < 500, `${name}: ${answer.status} ${answer.said}`);
      if (raises) assert.ok(answer.status >= 400, `${name}: ${answer.status}, though it raises`);
    }];
  }],
];
const weights = kinds.flatMap(([, weight], i) => Array(weight).fill(i));
const sleepy = [{ path: 'rpc/e2e_run', body: { statements: ["SET statement_timeout = 0", 'SELECT pg_advisory_lock(4712)', 'LISTEN e2e_left', 'SELECT pg_sleep(20)'] } }, (answer) => {
  ran.set('sleep', (ran.get('sleep') ?? new Set()).add(answer.status));
  good(answer, 504);
}];

before(async () => {
  sql(fixture);
  server = await serve(['--pool', '4', '--queue-delay', '60000'], { statement_timeout: 1500 });
  lanes = Array.from({ length: 64 }, () => new Lane(server.port, 20000));
  callers = [
    ...users.map((uid) => ({ name: uid, uid, token: sign({ sub: uid, email: `${uid}@example.com` }), key: process.env.VYRICON_PUBLISHABLE_KEY })),
    { name: 'anon' }, { name: 'anon with a key', key: process.env.VYRICON_PUBLISHABLE_KEY },
    { name: 'the secret key', key: process.env.VYRICON_SECRET_KEY, all: true },
  ];
});

after(async () => {
  lanes?.forEach((lane) => lane.close());
  await server?.stop();
  sql(removal);
});

test('before anything hostile, everybody is who they say', async () => {
  expected = new Map();
  for (const caller of callers) {
    const answer = await ask(lanes[0], caller, { path: 'rpc/e2e_whoami', body: {} }, 'first');
    good(answer);
    const { pid, ...who } = JSON.parse(answer.said);
    assert.equal(who.uid, caller.uid ?? null);
    assert.equal(who.claims?.sub, caller.uid);
    const role = caller.all ? 'service_role' : caller.uid ? 'authenticated' : 'anon';
    assert.deepEqual([who.role, who.user, who.session, who.settings.statement_timeout, who.settings.TimeZone], [role, role, 'vyricon_shim', '1500', 'UTC']);
    assert.deepEqual([who.own, who.prepared, who.cursors, who.listening, who.locks, who.temporary, who.last], ['', 0, 0, 0, 0, 0, 'none']);
    expected.set(caller, who);
  }
});

test(`${total} requests of ${users.length + 3} callers over four connections: no answer is another's`, async (t) => {
  const began = performance.now();
  const jobs = Array.from({ length: total }, (_, i) => {
    const caller = callers[random(callers.length)];
    const [kind, , make] = kinds[weights[random(weights.length)]];
    return sleeps.has(i) ? { kind: 'sleep', caller, made: sleepy } : { kind, caller, made: make(caller) };
  });
  const failures = await drive(lanes, jobs, async (lane, { kind, caller, made: [request, check] }, i) => {
    try {
      check(await ask(lane, caller, request, `mixed-${i}`));
    } catch (error) {
      error.message = `request ${i}, ${kind} of ${caller.name}: ${error.message}`;
      throw error;
    }
  });
  const seconds = (performance.now() - began) / 1000;
  t.diagnostic(`${total} requests in ${seconds.toFixed(1)} s over ${pids.size} connections, ${[...ran.keys()].length} hostile kinds`);
  assert.equal(failures.length, 0, `${failures.length} crossings:\n${failures.slice(0, 10).map(({ message }) => `  ${message}`).join('\n')}`);
  assert.equal(pids.size, 4, `whoami was answered by ${pids.size} connections`);
  assert.ok(seconds < 20, `${seconds} s`);
});

test('everything hostile was run, and what can be allowed was', () => {
  assert.deepEqual(hostile.map(([name]) => name).filter((name) => !ran.has(name)), []);
  const refused = [...ran].filter(([, statuses]) => ![...statuses].some((status) => status < 300)).map(([name]) => name);
  assert.deepEqual(refused.sort(), ['COMMIT', 'DEALLOCATE ALL', 'DISCARD', 'UNLISTEN', 'a deferred error', 'an error', 'no role', 'response.status', 'role',
    'role by set_config', 'role of a superuser', 'session authorization', 'sleep', 'the identity of workers']);
  assert.ok(ran.get('response.status').has(418));
});

test('what a failed request held is free when its answer is there', async () => {
  for (let i = 0; i < 20; i++) {
    const { status } = await ask(lanes[0], callers[0], { path: 'rpc/e2e_run', body: { statements: [`SELECT pg_advisory_lock(${4713 + i})`, raise] } }, `held-${i}`);
    assert.equal(status, 400);
    assert.equal(await sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), '0');
  }
});

test('on each connection nothing is left', async () => {
  for (let i = 0; i < 200; i++) {
    const caller = callers[i % callers.length];
    const answer = await ask(lanes[i % lanes.length], caller, i % 2 ? { path: 'rpc/e2e_whoami', body: {} } : { method: 'GET', path: 'rpc/e2e_whoami' }, `last-${i}`);
    good(answer);
    const { pid, ...who } = JSON.parse(answer.said);
    assert.deepEqual(who, expected.get(caller));
  }
  assert.equal(sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), '0');
  assert.equal(sql("SELECT count(*) FROM pg_class WHERE relpersistence = 't'"), '0');
});
