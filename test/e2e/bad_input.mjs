// Bad input: every input of inputs.mjs in every position of every route. No 5xx, one answer each, nothing changed, and nothing that a client
// wrote has become SQL.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { exchange, portOf } from './lib/raw.mjs';
import { inputs, mark } from './inputs.mjs';

const port = portOf(process.env.VYRICON_URL);
// Signed in, but with no row in any table: whatever it may write is refused or touches nothing.
const stranger = '99999999-9999-4999-8999-999999999999';
const PARALLEL = 16;
const NAMES = { relation: 'tours', function: 'bad_input_echo', email: 'nobody@example.com', file: 'nothing.js', path: 'x', id: '1' };

const sql = (text) => execFileSync('psql', ['-qXAt', '-v', 'ON_ERROR_STOP=1', process.env.DATABASE_URL], { input: text, encoding: 'utf8', maxBuffer: 64 << 20 }).trim();
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const input = `${part({ alg: 'HS256', typ: 'JWT', kid: 'test' })}.${part({ sub: stranger, role: 'authenticated', aud: 'authenticated', exp: Math.floor(Date.now() / 1000) + 3600 })}`;
const token = `${input}.${createHmac('sha256', process.env.VYRICON_JWT_SECRET).update(input).digest('base64url')}`;

// What cannot stand in a target is escaped; everything else goes as it is.
const inTarget = (bytes) => [...bytes].map((b) => (b > 0x20 && b < 0x7f && b !== 0x23 ? String.fromCharCode(b) : `%${b.toString(16).padStart(2, '0')}`)).join('');
const asString = (bytes) => JSON.stringify(bytes.toString('utf8'));

const headerNames = ['apikey', 'prefer', 'content-type', 'accept', 'accept-profile', 'content-profile', 'if-none-match', 'range', 'cookie', 'origin', 'x-request-id', 'idempotency-key', 'access-control-request-method',
  'sec-fetch-site', 'x-csrf-token'];
const queries = ['id=eq.X', 'id=X', 'title=X', 'X=eq.1', 'select=X', 'order=X', 'limit=X', 'offset=X', 'or=X', 'columns=X', 'on_conflict=X', 'a=X'];
const positions = {
  ...Object.fromEntries(queries.map((query) => [`query ${query}`, (r, x) => { r.query = query.replace('X', inTarget(x).replaceAll('&', '%26')); }])),
  ...Object.fromEntries(headerNames.map((name) => [`header ${name}`, (r, x) => { r.headers[name] = x; }])),
  'session cookie': (r, x) => { delete r.headers.authorization; r.headers.cookie = Buffer.concat([Buffer.from('__Host-vyricon='), x]); r.headers['sec-fetch-site'] = 'same-origin'; },
  'header authorization': (r, x) => { r.headers.authorization = Buffer.concat([Buffer.from('Bearer '), x]); },
  'the whole body': (r, x) => { r.body = x; },
  'a string in the body': (r, x) => { r.body = Buffer.from(`{"title":${asString(x)}}`); },
  'a value in the body': (r, x) => { r.body = Buffer.concat([Buffer.from('{"seats":'), x, Buffer.from('}')]); },
  'a key of the body': (r, x) => { r.body = Buffer.from(`{${asString(x)}:1}`); },
  'an item of the body': (r, x) => { r.body = Buffer.concat([Buffer.from('[{"title":"a"},'), x, Buffer.from(']')]); },
};

function bytesOf({ method, path, query, headers, body }) {
  const lines = [Buffer.from(`${method} ${path}${query ? `?${query}` : ''} HTTP/1.1\r\nHost: bad\r\n`, 'latin1')];
  for (const [name, value] of Object.entries(headers)) lines.push(Buffer.from(`${name}: `), Buffer.from(value), Buffer.from('\r\n'));
  if (body) lines.push(Buffer.from(`Content-Length: ${body.length}\r\n`));
  return Buffer.concat([...lines, Buffer.from('\r\n'), ...(body ? [body] : [])]);
}

const hashes = () => sql(`SELECT string_agg(format('SELECT %L || '' '' || md5(coalesce(string_agg(t::text, '''' ORDER BY t::text), '''')) FROM %s AS t', c.oid::regclass, c.oid::regclass), ' UNION ALL ')
  FROM pg_class AS c WHERE c.relkind = 'r' AND c.relname <> 'idempotency_keys' AND c.relnamespace IN ('public'::regnamespace, 'auth'::regnamespace, 'vyricon'::regnamespace) \\gexec`);
// Statements inside functions of ours too; a request's own is what matters.
const statements = () => new Map(sql(`SELECT DISTINCT ON (queryid) queryid || E'\\t' || regexp_replace(query, '\\s+', ' ', 'g') FROM pg_stat_statements
  WHERE query ~ '"?tours"?|bad_input_echo| AS t' AND query !~ 'pg_stat_statements|md5'`).split('\n').filter(Boolean).map((line) => line.split('\t')));

let routes;
let begun;
let known;
let sent = 0;

async function all(requests, judge) {
  let next = 0;
  await Promise.all(Array.from({ length: PARALLEL }, async () => {
    while (next < requests.length) {
      const request = requests[next++];
      sent++;
      judge(request, await exchange(port, bytesOf(request), { heads: request.method === 'HEAD' ? 1 : 0 }));
    }
  }));
}

function good({ method, pattern }) {
  const body = ['POST', 'PATCH', 'PUT', 'DELETE'].includes(method) && !pattern.endsWith('/*path') ? Buffer.from('{}') : undefined;
  return { method, path: pattern.replace(/[:*](\w+)/g, (_, name) => NAMES[name] ?? 'x'), headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body };
}

function requestsOf(x) {
  return routes.flatMap((route) => {
    const place = Object.entries(positions).map(([position, put]) => {
      const request = { ...good(route), position };
      request.headers = { ...request.headers };
      put(request, x);
      return request;
    });
    const names = [...route.pattern.matchAll(/[:*]\w+/g)].map(([name]) => name);
    return [...place, ...names.map((name) => ({ ...good(route), path: good({ ...route, pattern: route.pattern.replace(name, '\0') }).path.replace('\0', inTarget(x)), position: `path ${name}` }))];
  });
}

const leaks = /\bERROR:|\.c:\d|\bat character \d|CONTEXT:|PL\/pgSQL|LINE \d/;

function judgeAnswer(name, request, { answers, closed, rest }) {
  const where = () => `${name} as ${request.position} of ${request.method} ${request.path.slice(0, 80)}: ${answers.map((a) => `${a.status} ${a.body.toString().slice(0, 300)}`).join(' | ')}${closed ? ' closed' : ''}`;
  const [answer] = answers;
  assert.ok(answer || closed, where());
  const byLibrary = closed && [414, 431].includes(answer?.status);
  assert.ok(answers.length <= 1 && (rest.length === 0 || byLibrary), where());
  if (!answer) return;
  assert.ok(answer.status < 500 || (answer.status === 501 && closed), where());
  const text = answer.body.toString();
  if (answer.status < 400 || text === '') return;
  assert.ok(!leaks.test(text), where());
  // What is larger than a connection's memory is refused by the library itself, in its own words.
  if (byLibrary) return;
  assert.match(answer.headers['content-type'] ?? '', /json/, where());
  const keys = Object.keys(JSON.parse(text));
  assert.ok(keys.includes('code') && (keys.includes('message') || keys.includes('msg')), where());
}

before(async () => {
  sql(`CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
    CREATE FUNCTION public.bad_input_echo(a text DEFAULT NULL) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 $$;
    CREATE FUNCTION public.bad_input_route(jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$ SELECT $1 $$;
    GRANT EXECUTE ON FUNCTION public.bad_input_echo, public.bad_input_route TO anon, authenticated;
    SELECT vyricon.route(m, '/bad-input/:id/echo', 'public.bad_input_route') FROM unnest('{GET,POST,PUT,PATCH,DELETE}'::text[]) AS m`);
  routes = sql("SELECT m || ' ' || pattern FROM vyricon.routes, unnest(methods) AS m WHERE pattern NOT LIKE '/dev/%' ORDER BY 1").split('\n').map((line) => ({ method: line.split(' ')[0], pattern: line.split(' ')[1] }));
  begun = hashes();
  sql('SELECT pg_stat_statements_reset()');
  // The shapes that good values make, in each position that one can stand in.
  const values = { 'id=eq.X': ['eq.1'], 'select=X': ['id', 'title', 'id,title', '*'], 'order=X': ['id', 'title'], 'limit=X': ['1', '0'], 'offset=X': ['1', '0'], 'title=X': ['eq.a', 'is.null', 'in.(a)', 'not.eq.a', 'neq.a'] };
  await all(routes.flatMap((route) => [good(route), ...Object.entries(values).flatMap(([query, list]) => list.map((value) => ({ ...good(route), query: query.replace(/eq\.X|X/, value) })))]), () => {});
  known = statements();
});

after(() => sql(`SELECT vyricon.unroute(m, '/bad-input/:id/echo') FROM unnest('{GET,POST,PUT,PATCH,DELETE}'::text[]) AS m;
  DROP FUNCTION public.bad_input_echo(text); DROP FUNCTION public.bad_input_route(jsonb); DROP EXTENSION pg_stat_statements`));

test('there are at least 60 inputs, and every route is a row of vyricon.routes', () => {
  assert.ok(inputs.length >= 60 && routes.length >= 20, `${inputs.length} inputs, ${routes.length} routes`);
});

for (const [name, value] of inputs)
  test(`${name} is bad nowhere`, async () => {
    await all(requestsOf(Buffer.from(value)), (request, answer) => judgeAnswer(name, request, answer));
  });

test('after at least 5,000 requests not a row has changed', () => {
  assert.ok(sent >= 5000, `${sent} requests`);
  assert.equal(hashes(), begun);
});

test('security item 41: nothing that was sent has become part of a statement, and no statement came that good requests do not make', (t) => {
  const now = statements();
  const fresh = [...now].filter(([id]) => !known.has(id)).map(([, text]) => text);
  t.diagnostic(`${sent} requests; ${known.size} known shapes, ${fresh.length} new: ${fresh.join(' ; ').slice(0, 2000)}`);
  assert.deepEqual([...now.values()].filter((text) => text.includes(mark) || /pg_sleep|pg_read_file|DROP TABLE|pg_shadow/i.test(text)), []);
  // A shape has names of the catalogue and parameters, and no value: no quote, and no number that is not a parameter's.
  for (const text of fresh) assert.match(text, /^(SELECT|INSERT INTO|UPDATE|DELETE FROM) [a-z_ .,*()=:~<>&|@%A-Z-]*(\$\d+[a-z_ .,*()=:~<>&|@%A-Z-]*)*$/);
});
