// Jobs that call a function, through the real worker: as who enqueued them, once whatever is killed, repeated after an error, and in nobody's way.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { sign } from './lib/serve.mjs';

const database = process.env.DATABASE_URL;
const other = (name) => Object.assign(new URL(database), { pathname: `/${name}` }).href;
const sql = (text, url = database) => execFileSync('psql', ['-qXAt', '-v', 'ON_ERROR_STOP=1', url], { input: text, encoding: 'utf8' }).trim();
const guide = '11111111-1111-4111-8111-111111111111';
const traveller = '22222222-2222-4222-8222-222222222222';

const settings = { job_backoff: '20ms', job_backoff_max: '100ms', sql_job_timeout: '20s', sql_workers: '1', outbound_networks: '127.0.0.0/8' };
const set = (all) => sql(`${Object.entries(all).map(([name, value]) => `ALTER SYSTEM ${value === null ? `RESET vyricon.${name}` : `SET vyricon.${name} = '${value}'`};`).join('\n')} SELECT pg_reload_conf();`);

const fixture = `
  CREATE SCHEMA e2e;
  GRANT USAGE ON SCHEMA e2e TO service_role, authenticated;
  CREATE TABLE e2e.marks (name text, who text DEFAULT auth.uid(), role text DEFAULT current_user, pid int DEFAULT pg_backend_pid());
  GRANT SELECT, INSERT ON e2e.marks TO service_role, authenticated;
  CREATE FUNCTION e2e.mark(name text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO e2e.marks (name) VALUES (mark.name); RETURN 'marked ' || mark.name; END $$;
  CREATE FUNCTION e2e.mark_slowly(name text, seconds float8) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO e2e.marks (name) VALUES (mark_slowly.name);
    PERFORM pg_sleep(seconds);
  END $$;
  CREATE FUNCTION e2e.mark_unless_caught(name text, first_seconds float8) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO e2e.marks (name) VALUES (mark_unless_caught.name);
    LOOP
      BEGIN
        PERFORM pg_sleep(first_seconds);
      EXCEPTION WHEN query_canceled THEN NULL;
      END;
    END LOOP;
  END $$;
  CREATE FUNCTION e2e.breaks(name text) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO e2e.marks (name) VALUES (breaks.name);
    RAISE EXCEPTION 'no room on tour %', breaks.name USING ERRCODE = 'ZZ001';
  END $$;
  CREATE SEQUENCE e2e.tries;
  GRANT USAGE ON SEQUENCE e2e.tries TO service_role;
  CREATE FUNCTION e2e.age_of_now() RETURNS float8 LANGUAGE sql AS $$ SELECT extract(epoch FROM clock_timestamp() - now())::float8 $$;
  CREATE FUNCTION e2e.third_time(name text) RETURNS bigint LANGUAGE plpgsql AS $$
  DECLARE
    n bigint := nextval('e2e.tries');
  BEGIN
    INSERT INTO e2e.marks (name) VALUES (third_time.name);
    IF n < 3 THEN RAISE serialization_failure; END IF;
    RETURN n;
  END $$;
  CREATE TABLE e2e.late (name text, role text);
  GRANT SELECT, INSERT ON e2e.late TO service_role;
  CREATE FUNCTION e2e.note_role() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF NEW.name = 'refused late' THEN RAISE EXCEPTION 'refused at the end'; END IF;
    INSERT INTO e2e.marks (name, role) VALUES ('deferred', current_user);
    RETURN NULL;
  END $$;
  CREATE CONSTRAINT TRIGGER late AFTER INSERT ON e2e.late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION e2e.note_role();
  CREATE FUNCTION e2e.later(name text) RETURNS void LANGUAGE sql AS $$ INSERT INTO e2e.late VALUES (name, current_user) $$;
  CREATE FUNCTION e2e.leaves_all() RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    CREATE TEMP TABLE left_behind AS SELECT 1;
    PERFORM pg_advisory_lock(4711), set_config('e2e.left', 'here', false), set_config('search_path', 'e2e', false);
    PREPARE left_behind AS SELECT 1;
  END $$;
  CREATE FUNCTION e2e.finds() RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('pid', pg_backend_pid(), 'table', to_regclass('pg_temp.left_behind'), 'setting', nullif(current_setting('e2e.left', true), ''),
      'path', current_setting('search_path'), 'locks', (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
      'prepared', (SELECT count(*) FROM pg_prepared_statements), 'uid', auth.uid(), 'claims', auth.jwt(), 'role', auth.role())
  $$;
  CREATE FUNCTION e2e.becomes(role text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('SET ROLE %I', role); END $$;
  CREATE FUNCTION e2e.long(n int) RETURNS text LANGUAGE sql AS $$ SELECT repeat('ü', n) $$;
  CREATE FUNCTION e2e.my_drafts() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM public.tours WHERE NOT published $$;
  CREATE FUNCTION public.e2e_enqueue(function text, args jsonb DEFAULT '{}') RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
    $$ SELECT vyricon.enqueue('sql', jsonb_build_object('function', function, 'args', args)) $$;`;

before(() => {
  set(settings);
  sql(fixture);
});

after(() => {
  set(Object.fromEntries(Object.keys(settings).map((name) => [name, null])));
  sql('SET client_min_messages = warning; TRUNCATE vyricon.jobs; DROP SCHEMA e2e CASCADE; DROP FUNCTION public.e2e_enqueue');
});

// As service_role. While it runs its row is held, so what is changed of it is changed before it is committed.
const call = (name, args = {}, more = '', url = database, change = '') => sql(`BEGIN; SET LOCAL ROLE service_role;
  SELECT vyricon.enqueue('sql', $j$${JSON.stringify({ function: `e2e.${name}`, args })}$j$${more}) AS id \\gset
  SET LOCAL ROLE NONE; ${change && `UPDATE vyricon.jobs SET ${change} WHERE id = :id;`} COMMIT; SELECT :id;`, url);
const job = (id, url = database) => JSON.parse(sql(`SELECT row_to_json(j) FROM (SELECT id, state, attempts, max_attempts, doubtful, answer, problem FROM vyricon.jobs WHERE id = ${id}) AS j`, url));
const marks = (name, url = database) => Number(sql(`SELECT count(*) FROM e2e.marks WHERE name = '${name}'`, url));
const workers = (url = database) => sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'vyricon sql worker' AND datname = current_database() ORDER BY pid", url).split('\n').filter(Boolean);
const sleeping = (url = database) => sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'vyricon sql worker' AND datname = current_database() AND wait_event = 'PgSleep'", url);

async function until(condition, seconds, words) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(20)) if (await condition()) return;
  assert.fail(`after ${seconds} s: ${words()}`);
}

async function ends(id, state, url = database, seconds = 15) {
  await until(() => !['queued', 'in_flight'].includes(job(id, url).state), seconds, () => JSON.stringify(job(id, url)));
  assert.equal(job(id, url).state, state, JSON.stringify(job(id, url)));
  return job(id, url);
}

async function peer(t, answer) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => { server.closeAllConnections(); server.close(); });
  return server.address().port;
}

// Over HTTP, as this user; what the function answers.
async function rpc(user, name, args) {
  const answer = await fetch(`${process.env.VYRICON_URL}/rest/v1/rpc/${name}`, {
    method: 'POST', headers: { authorization: `Bearer ${sign({ sub: user, email: 'somebody@example.com' })}`, 'content-type': 'application/json' }, body: JSON.stringify(args),
  });
  return { status: answer.status, json: await answer.json() };
}

test('a call that was committed is made once, and its answer is kept; rolled back, it never is', async () => {
  sql(`BEGIN; SET LOCAL ROLE service_role; SELECT vyricon.enqueue('sql', '{"function":"e2e.mark","args":{"name":"rolled back"}}'); ROLLBACK;`);
  const done = await ends(call('mark', { name: 'one' }), 'done');
  assert.deepEqual([done.attempts, done.answer, done.problem, done.doubtful], [1, '"marked one"', null, false]);
  assert.equal(marks('one'), 1);
  assert.equal(marks('rolled back'), 0);
});

test('what a user enqueues over HTTP runs as that user: auth.uid(), role, claims and row security', async () => {
  const ids = {};
  for (const user of [guide, traveller]) {
    const [mark, drafts, finds] = [await rpc(user, 'e2e_enqueue', { function: 'e2e.mark', args: { name: `of ${user}` } }),
      await rpc(user, 'e2e_enqueue', { function: 'e2e.my_drafts' }), await rpc(user, 'e2e_enqueue', { function: 'e2e.finds' })];
    assert.deepEqual([mark.status, drafts.status, finds.status], [200, 200, 200], JSON.stringify([mark, drafts, finds]));
    ids[user] = { mark: mark.json, drafts: drafts.json, finds: finds.json };
  }
  for (const user of [guide, traveller]) {
    await ends(ids[user].mark, 'done');
    assert.equal(sql(`SELECT who, role FROM e2e.marks WHERE name = 'of ${user}'`), `${user}|authenticated`);
    assert.equal((await ends(ids[user].drafts, 'done')).answer, sql(`SELECT count(*) FROM public.tours WHERE NOT published AND user_id = '${user}'`));
    const found = JSON.parse((await ends(ids[user].finds, 'done')).answer);
    assert.deepEqual([found.uid, found.role, found.claims.email], [user, 'authenticated', 'somebody@example.com']);
  }
});

test('a user cannot enqueue what he may not execute, and a job cannot become somebody else', async () => {
  sql('REVOKE EXECUTE ON FUNCTION e2e.mark FROM PUBLIC; GRANT EXECUTE ON FUNCTION e2e.mark TO service_role');
  const refused = await rpc(guide, 'e2e_enqueue', { function: 'e2e.mark', args: { name: 'x' } });
  assert.deepEqual([refused.status, refused.json.code], [403, '42501']);
  sql('GRANT EXECUTE ON FUNCTION e2e.mark TO PUBLIC');
  for (const role of ['postgres', 'vyricon_owner', 'vyricon_worker']) {
    const id = call('becomes', { role });
    await until(() => job(id).attempts >= 1 && job(id).state !== 'in_flight', 10, () => JSON.stringify(job(id)));
    assert.match(job(id).problem, /^42501: cannot set parameter "role" within security-definer function/);
    await until(() => sql(`SELECT vyricon.cancel(${id})`) === 't' || job(id).state === 'failed', 10, () => JSON.stringify(job(id)));
  }
});

test('a row that names a superuser is refused, whoever wrote it', async () => {
  const id = call('mark', { name: 'as superuser' }, ", now() + interval '1 hour'");
  sql(`UPDATE vyricon.jobs SET role_name = 'postgres', run_at = now() WHERE id = ${id}; SELECT vyricon.retry(${id})`);
  assert.equal((await ends(id, 'failed')).problem, '42501: no job runs as a superuser');
  assert.equal(marks('as superuser'), 0);
});

test('rights are asked again when it runs: taken away meanwhile, the job fails at once', async () => {
  const id = call('later', { name: 'revoked' }, ", now() + interval '300 milliseconds'");
  sql('REVOKE EXECUTE ON FUNCTION e2e.later FROM PUBLIC');
  const failed = await ends(id, 'failed');
  assert.deepEqual([failed.problem, failed.attempts], ['42501: permission denied for function later', 1]);
  sql('GRANT EXECUTE ON FUNCTION e2e.later TO PUBLIC');
  assert.equal(sql("SELECT count(*) FROM e2e.late WHERE name = 'revoked'"), '0');
});

test('deferred triggers fire as the enqueuer, and what they refuse is rolled back with the rest', async () => {
  await ends(call('later', { name: 'deferred' }), 'done');
  assert.equal(sql("SELECT role FROM e2e.marks WHERE name = 'deferred'"), 'service_role');
  const id = call('later', { name: 'refused late' });
  assert.equal((await ends(id, 'failed')).problem, 'P0001: refused at the end');
  assert.equal(sql("SELECT count(*) FROM e2e.late WHERE name = 'refused late'"), '0');
});

test('what a function leaves in the session is gone before the next job', async () => {
  const left = call('leaves_all');
  const finds = call('finds');
  const pid = (await ends(left, 'done') && workers()[0]);
  const found = JSON.parse((await ends(finds, 'done')).answer);
  assert.equal(String(found.pid), pid);
  assert.deepEqual([found.table, found.setting, found.locks, found.prepared, found.path], [null, null, 0, 0, '"$user", public']);
  assert.deepEqual([found.uid, found.claims, found.role], [null, { role: 'service_role' }, 'service_role']);
});

test('an error rolls everything back, is tried again after a while, and stays as the problem of a failed job', async () => {
  const failed = await ends(call('breaks', { name: 'broken' }), 'failed');
  assert.deepEqual([failed.attempts, failed.max_attempts, failed.problem], [10, 10, 'ZZ001: no room on tour broken']);
  assert.equal(marks('broken'), 0);
  const done = await ends(call('third_time', { name: 'third' }), 'done');
  assert.deepEqual([done.attempts, done.answer, done.problem], [3, '3', null]);
  assert.equal(marks('third'), 1);
  const counted = (outcome) => Number(new RegExp(`^vyricon_job_attempts_total\\{kind="sql",outcome="${outcome}"\\} (\\d+)$`, 'm').exec(sql('SELECT vyricon.metrics()'))[1]);
  assert.ok(counted('not_sent') >= 12 && counted('done') >= 1, sql('SELECT vyricon.metrics()'));
});

test('now() is the time of the call, not that at which its process started', async () => {
  const slow = call('mark_slowly', { name: 'before', seconds: 1.2 });
  const after = call('age_of_now', {});
  await ends(slow, 'done');
  assert.ok(Number((await ends(after, 'done')).answer) < 1, job(after).answer);
});

test('a long answer is kept to 16 KiB, whole letters of it', async () => {
  const { answer } = await ends(call('long', { n: 20000 }), 'done');
  assert.deepEqual([Buffer.byteLength(answer), /^"ü+$/.test(answer)], [16383, true]);
});

test('a slow function keeps no network job waiting, runs while its worker is idle, and is not taken back', async (t) => {
  const port = await peer(t, (_, response) => response.end('ok'));
  const slow = call('mark_slowly', { name: 'slow', seconds: 300 }, '', database, 'max_attempts = 1');
  await until(() => sleeping() !== '', 10, () => JSON.stringify(job(slow)));
  assert.equal(sql(`SELECT vyricon.cancel(${slow})`), 'f');
  const began = performance.now();
  const id = sql(`SELECT vyricon.enqueue('http', '{"url":"http://127.0.0.1:${port}/"}')`);
  for (; job(id).state !== 'done' && performance.now() - began < 5000; await sleep(20));
  assert.equal(job(id).state, 'done');
  assert.equal(job(slow).state, 'in_flight');
  // The only place is taken: the next waits.
  const waiting = call('mark', { name: 'waits' });
  assert.equal(job(waiting).state, 'queued');
  set({ sql_workers: '2' });
  await ends(waiting, 'done');
  assert.equal(workers().length, 2);
  assert.equal(sql(`SELECT pg_cancel_backend(${sleeping()})`), 't');
  assert.equal((await ends(slow, 'failed')).problem, '57014: canceling statement due to user request');
  assert.equal(marks('slow'), 0);
  set({ sql_workers: '1' });
});

test('its time over, a function is cancelled; one that catches that is ended with its process', async () => {
  set({ sql_job_timeout: '300ms' });
  const slow = call('mark_slowly', { name: 'too slow', seconds: 300 });
  const failed = await ends(slow, 'failed', database, 30);
  assert.deepEqual([failed.problem, failed.attempts], ['57014: it ran for longer than vyricon.sql_job_timeout', 10]);
  const stubborn = call('mark_unless_caught', { name: 'stubborn', first_seconds: 300 }, '', database, 'max_attempts = 1');
  const ended = await ends(stubborn, 'failed', database, 30);
  assert.equal(ended.problem, 'its worker ended before an answer was recorded');
  assert.equal(marks('too slow') + marks('stubborn'), 0);
  set({ sql_job_timeout: settings.sql_job_timeout });
});

test('jobs of one subject, calls and requests, come one after the other, in order', async (t) => {
  const order = [];
  const port = await peer(t, (request, response) => { order.push([request.url, sql("SELECT count(*) FROM e2e.marks WHERE name LIKE 'subject %'")]); response.end(); });
  const ids = sql(`SET ROLE service_role;
    SELECT CASE n % 2 WHEN 1 THEN vyricon.enqueue('sql', jsonb_build_object('function', 'e2e.mark', 'args', jsonb_build_object('name', 'subject ' || n)), subject => 'both')
      ELSE vyricon.enqueue('http', jsonb_build_object('url', 'http://127.0.0.1:${port}/' || n), subject => 'both') END FROM generate_series(1, 6) AS n`).split('\n');
  for (const id of ids) await ends(id, 'done');
  assert.deepEqual(order, [['/2', '1'], ['/4', '2'], ['/6', '3']]);
});

test('several run at the same time when vyricon.sql_workers says so, and leave when nothing is due', async () => {
  set({ sql_workers: '3' });
  const ids = [1, 2, 3, 4, 5].map((n) => call('mark_slowly', { name: `parallel ${n}`, seconds: 1 }));
  await until(() => sleeping().split('\n').length === 3, 10, () => workers().join());
  for (const id of ids) assert.equal((await ends(id, 'done')).attempts, 1);
  assert.equal(new Set(sql("SELECT DISTINCT pid FROM e2e.marks WHERE name LIKE 'parallel %'").split('\n')).size, 3);
  await until(() => workers().length === 0, 15, () => workers().join());
  set({ sql_workers: '0' });
  const id = call('mark', { name: 'when there is a worker' });
  // The worker has seen it when it has done what was enqueued later.
  const seen = sql(`SELECT vyricon.enqueue('http', '{"url":"http://127.0.0.1:1/"}')`);
  await until(() => job(seen).attempts > 0, 10, () => JSON.stringify(job(seen)));
  assert.deepEqual([job(id).state, workers().length], ['queued', 0]);
  set({ sql_workers: '1' });
  await ends(id, 'done');
});

async function ownDatabase(name) {
  sql(`CREATE DATABASE ${name}`, other('template1'));
  sql(`CREATE EXTENSION vyricon; SELECT vyricon.setup(); ${fixture.split('CREATE FUNCTION e2e.my_drafts')[0]}`, other(name));
}

test('a copy and a rename of the database cancel what runs, without counting it, and it is done once afterwards', async () => {
  await ownDatabase('sql_busy');
  const url = other('sql_busy');
  const id = call('mark_slowly', { name: 'interrupted', seconds: 1.5 }, '', url, 'max_attempts = 1');
  await until(() => sleeping(url) !== '', 10, () => JSON.stringify(job(id, url)));
  sql('CREATE DATABASE sql_copy TEMPLATE sql_busy', other('template1'));
  assert.equal(sql(`SELECT state, (SELECT count(*) FROM e2e.marks) FROM vyricon.jobs`, other('sql_copy')), 'queued|0');
  await until(() => sleeping(url) !== '', 15, () => JSON.stringify(job(id, url)));
  sql('ALTER DATABASE sql_busy RENAME TO sql_renamed', other('template1'));
  const renamed = other('sql_renamed');
  const done = await ends(id, 'done', renamed, 20);
  assert.deepEqual([done.attempts, done.max_attempts, marks('interrupted', renamed)], [3, 3, 1]);
  assert.equal(sql('SELECT state FROM vyricon.jobs', other('sql_copy')), 'queued');
  sql('DROP DATABASE sql_copy', other('template1'));
  const again = call('mark_unless_caught', { name: 'stubborn', first_seconds: 300 }, '', renamed);
  await until(() => sleeping(renamed) !== '', 10, () => JSON.stringify(job(again, renamed)));
  sql('DROP DATABASE sql_renamed', other('template1'));
});

test('DROP EXTENSION ends what runs', async () => {
  await ownDatabase('sql_dropped');
  const url = other('sql_dropped');
  call('mark_slowly', { name: 'x', seconds: 300 }, '', url);
  await until(() => sleeping(url) !== '', 10, () => workers(url).join());
  sql('SET client_min_messages = warning; DROP EXTENSION vyricon CASCADE', url);
  await until(() => workers(url).length === 0, 10, () => workers(url).join());
  assert.equal(sql('SELECT count(*) FROM e2e.marks', url), '0');
  sql('DROP DATABASE sql_dropped', other('template1'));
});

test('ended by an administrator in the middle, a job is given back and done once', async () => {
  const id = call('mark_slowly', { name: 'terminated', seconds: 1 });
  await until(() => sleeping() !== '', 10, () => JSON.stringify(job(id)));
  sql(`SELECT pg_terminate_backend(${sleeping()})`);
  const done = await ends(id, 'done');
  assert.deepEqual([done.attempts, done.max_attempts, marks('terminated')], [2, 11, 1]);
});

// The last one: everybody else's connections break.
test('the process is killed in the middle: the effect is there once, and a job that kills each time fails in the end', async () => {
  // The server of the tests forgets the last commits in a crash; what enqueued the job was told that it was committed.
  sql('ALTER SYSTEM SET synchronous_commit = local; SELECT pg_reload_conf()');
  const id = call('mark_slowly', { name: 'killed', seconds: 1.5 });
  await until(() => sleeping() !== '', 10, () => JSON.stringify(job(id)));
  const kill = async () => {
    const pid = Number(sleeping());
    process.kill(pid, 'SIGKILL');
    await until(() => { try { return Number(sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vyricon worker' AND datname = current_database()")) > 0 && sleeping() !== String(pid); } catch { return false; } }, 30, () => 'the database did not come back');
  };
  await kill();
  const done = await ends(id, 'done', database, 30);
  assert.deepEqual([done.attempts, marks('killed')], [2, 1]);
  const poison = call('mark_slowly', { name: 'poison', seconds: 300 }, '', database, 'max_attempts = 2');
  for (let n = 0; n < 2; n++) {
    await until(() => sleeping() !== '', 30, () => JSON.stringify(job(poison)));
    await kill();
  }
  const failed = await ends(poison, 'failed', database, 30);
  assert.deepEqual([failed.attempts, failed.doubtful, marks('poison')], [2, false, 0]);
  sql('ALTER SYSTEM RESET synchronous_commit; SELECT pg_reload_conf()');
});
