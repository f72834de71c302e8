// Items of the security checklist over the wire: what hostile clients send, and what no answer, log or file may show.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { Service, run } from './lib/process.mjs';
import { exchange, portOf } from './lib/raw.mjs';

const port = portOf(process.env.VYRICON_URL);
const guide = '11111111-1111-4111-8111-111111111111';
const json = { 'content-type': 'application/json' };
const sql = async (text) => {
  const { status, out, err } = await run('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', process.env.DATABASE_URL, '-c', text]);
  assert.equal(status, 0, err);
  return out.trim();
};

function ask(path, { method = 'GET', headers = {}, body, to = port, agent } = {}) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const request = http.request({ host: '127.0.0.1', port: to, path, method, headers, agent }, (answer) => {
      const chunks = [];
      answer.on('data', (data) => chunks.push(data));
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks).toString(), ms: performance.now() - began }));
      answer.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}
const call = (name, body, more = {}) => ask(`/rest/v1/rpc/${name}`, { method: 'POST', body: typeof body === 'object' && !Buffer.isBuffer(body) ? JSON.stringify(body) : body, ...more, headers: { ...json, ...more.headers } });

function token(claims = {}) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const input = `${part({ alg: 'HS256', typ: 'JWT', kid: 'test' })}.${part({ sub: guide, role: 'authenticated', aud: 'authenticated', iat: now, exp: now + 600, ...claims })}`;
  return `${input}.${createHmac('sha256', process.env.VYRICON_JWT_SECRET).update(input).digest('base64url')}`;
}
const asGuide = { authorization: `Bearer ${token()}` };

// A `vyricon serve` of one's own on the same database; options are settings of its sessions.
async function serve(flags = [], options = '') {
  const sockets = (await sql('SHOW unix_socket_directories')).split(',')[0];
  const conninfo = `host=${sockets} port=${process.env.PGPORT} dbname=${process.env.PGDATABASE} user=vyricon_shim options='${options}'`;
  const shim = new Service(process.env.VYRICON_BIN, ['serve', '--port', '0', '--admin-port', '0', '--database', conninfo, ...flags]);
  await shim.says(/"event":"admin"/);
  const [serving, admin] = ['serving', 'admin'].map((event) => shim.text.split('\n').slice(0, -1).map((line) => JSON.parse(line)).find((line) => line.event === event).port);
  while ((await ask('/ready', { to: admin })).status !== 200);
  return { shim, port: serving, admin, async stop() { shim.child.kill('SIGTERM'); return shim.ended; } };
}

// A setting of the whole server while the work is done; sessions that are opened during it have it.
async function withSetting(name, value, work) {
  const until = async (wanted) => { while (await sql(`SELECT count(*) FROM pg_settings WHERE name = '${name}' AND setting = '${wanted}'`) !== '1'); };
  const before = await sql(`SHOW ${name}`);
  const set = async (statement, wanted) => { await sql(statement); await sql('SELECT pg_reload_conf()'); await until(wanted); };
  await set(`ALTER SYSTEM SET ${name} = '${value}'`, value);
  try { await work(); } finally { await set(`ALTER SYSTEM RESET ${name}`, before); }
}

before(() => sql(`
  CREATE TABLE public.security_written (id int GENERATED ALWAYS AS IDENTITY, word text CHECK (word <> 'checked'));
  CREATE FUNCTION public.security_echo(jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS 'SELECT $1';
  CREATE FUNCTION public.security_named(a text, b int DEFAULT 1) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT a || b';
  CREATE FUNCTION public.security_writes() RETURNS int LANGUAGE sql VOLATILE SECURITY DEFINER AS $$ INSERT INTO public.security_written (word) VALUES ('x') RETURNING id $$;
  CREATE FUNCTION public.security_sneaks() RETURNS int LANGUAGE sql STABLE AS $$ SELECT public.security_writes() $$;
  CREATE FUNCTION public.security_sleeps(s float) RETURNS int LANGUAGE sql VOLATILE AS $$ SELECT 1 FROM pg_sleep(s) $$;
  CREATE FUNCTION public.security_raises(state text) RETURNS int LANGUAGE plpgsql VOLATILE AS $$
    BEGIN RAISE EXCEPTION USING ERRCODE = state, MESSAGE = 'a message of ' || state, DETAIL = 'detail-canary', HINT = 'hint-canary'; END $$;
  CREATE FUNCTION public.security_runs(statement text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$ DECLARE r text; BEGIN EXECUTE statement INTO r; RETURN r; END $$;
  CREATE FUNCTION public.security_dies() RETURNS int LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5); RETURN 1; END $$;
  CREATE FUNCTION public.security_recurses(n int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN public.security_recurses(n + 1); END $$;
  CREATE FUNCTION public.security_answers(r vyricon.request) RETURNS vyricon.response LANGUAGE sql VOLATILE AS $$
    SELECT ROW((reply ->> 'status')::int, reply -> 'headers', convert_to(reply ->> 'text', 'UTF8'))::vyricon.response FROM CAST(convert_from(r.body, 'UTF8') AS jsonb) AS reply $$;
  CREATE FUNCTION public.security_route(jsonb) RETURNS jsonb LANGUAGE sql VOLATILE AS $$ SELECT jsonb_build_object('value', public.security_writes()) $$;
  CREATE FUNCTION public.security_route_raises(jsonb) RETURNS jsonb LANGUAGE sql VOLATILE AS $$ SELECT jsonb_build_object('value', public.security_raises($1 -> 'params' ->> 'state')) $$;
  ALTER TABLE public.security_written ENABLE ROW LEVEL SECURITY;
  GRANT SELECT, INSERT ON public.security_written TO service_role;
  SELECT vyricon.route('GET', '/security/writes', 'public.security_route'), vyricon.route('POST', '/security/raises/:state', 'public.security_route_raises'),
         vyricon.route('POST', '/security/answers', 'public.security_answers'), vyricon.route('GET', '/security/limited', 'public.security_echo');
  SELECT vyricon.rate_limit('/security/limited', '1/hour')`));
after(() => sql(`
  SELECT vyricon.drop_rate_limit('/security/limited'), vyricon.unroute('GET', '/security/limited'), vyricon.unroute('POST', '/security/answers'),
         vyricon.unroute('POST', '/security/raises/:state'), vyricon.unroute('GET', '/security/writes');
  DROP FUNCTION public.security_route, public.security_route_raises, public.security_answers, public.security_recurses, public.security_dies, public.security_runs, public.security_raises,
    public.security_sleeps, public.security_sneaks, public.security_writes, public.security_named, public.security_echo;
  DROP TABLE public.security_written`));

for (const [method, path, body, headers, want] of [
  ['POST', '/rest/v1/rpc/set_config', { setting_name: 'role', new_value: 'service_role', is_local: false }, {}, 404],
  ['POST', '/rest/v1/rpc/pg_read_file', { filename: 'PG_VERSION' }, {}, 404],
  ['POST', '/rest/v1/rpc/pg_sleep', { seconds: 5 }, {}, 404],
  ['POST', '/rest/v1/rpc/pg_sleep', 5, {}, 404],
  ['GET', '/rest/v1/rpc/pg_sleep?seconds=5', undefined, {}, 404],
  ['POST', '/rest/v1/rpc/lo_import', { filename: '/etc/passwd' }, {}, 404],
  ['POST', '/rest/v1/rpc/pg_sleep', { seconds: 5 }, { 'content-profile': 'pg_catalog' }, 406],
  ['POST', '/rest/v1/rpc/http_wire', { request: '' }, { 'content-profile': 'vyricon' }, 406],
  ['POST', '/rest/v1/rpc/pg_catalog.pg_sleep', { seconds: 5 }, {}, 404],
  ['GET', '/rest/v1/pg_authid', undefined, {}, 404],
  ['GET', '/rest/v1/pg_authid', undefined, { 'accept-profile': 'pg_catalog' }, 406],
  ['GET', '/rest/v1/tables', undefined, { 'accept-profile': 'information_schema' }, 406],
  ['GET', '/rest/v1/users', undefined, { 'accept-profile': 'auth' }, 406],
  ['GET', '/rest/v1/secrets', undefined, { 'accept-profile': 'vyricon' }, 406],
  ['GET', '/rest/v1/pg_authid', undefined, { 'accept-profile': 'public, pg_catalog' }, 406],
  ['GET', '/rest/v1/tours?id=eq.1::regclass', undefined, {}, 400],
  ['GET', '/rest/v1/tours?id::regclass=eq.1', undefined, {}, 400],
  ['GET', '/rest/v1/tours?price_cents=eq.(select%20pg_sleep(5))', undefined, {}, 400],
  ['GET', '/rest/v1/tours?select=pg_sleep(5)', undefined, {}, 400],
  ['GET', '/rest/v1/tours?order=pg_sleep(5)', undefined, {}, 400],
])
  test(`security item 5: ${method} ${path} ${JSON.stringify(headers)} is ${want}, and nothing of the server's is called`, async () => {
    const answer = await ask(path, { method, headers: { ...asGuide, ...(body === undefined ? {} : json), ...headers }, body: body === undefined ? undefined : JSON.stringify(body) });
    assert.equal(answer.status, want, answer.body);
    assert.ok(answer.ms < 3000, `${answer.ms} ms`);
    assert.doesNotMatch(answer.body, /rolname|SCRAM-SHA|root:|^\d+\.\d+/m);
  });

// JSON that readers disagree about: one answer each, for a function that takes JSON; what is refused there is refused in a row too, unless a
// text has room for it.
for (const [name, body, status, echoed, inRow = status] of [
  ['a name twice: the last counts', '{"a":1,"a":2}', 200, '{"a": 2}'],
  ['a name twice, once escaped', '{"a":1,"\\u0061":2}', 200, '{"a": 2}'],
  ['1e400', '1e400', 200, `1${'0'.repeat(400)}`],
  ['a number beyond what is stored as JSON', '1e999999', 400, null, 201],
  ['-0', '-0', 200, '0'],
  ['-0.0', '-0.0', 200, '0.0'],
  ['30 digits', '123456789012345678901234567890', 200, '123456789012345678901234567890'],
  ['a lone surrogate', '"\\ud800"', 400],
  ['a lone second surrogate', '"\\udc00"', 400],
  ['surrogates in the wrong order', '"\\udc00\\ud800"', 400],
  ['two surrogates', '"\\ud83d\\ude00"', 200, '"😀"'],
  ['\\u0000', '"\\u0000"', 400],
  ['\\u0000 in a name', '{"a\\u0000":1}', 400],
  ['a byte order mark', Buffer.from('\ufeff{"a":1}'), 400],
  ['UTF-16', Buffer.from('{"a":1}', 'utf16le'), 400],
  ['the bytes C0 AF', Buffer.from('22c0af22', 'hex'), 400],
  ['an encoded surrogate', Buffer.from('22eda08022', 'hex'), 400],
  ['a byte of Latin-1', Buffer.from('22fc22', 'hex'), 400],
  ['a raw NUL', Buffer.from('22610022', 'hex'), 400],
  ['a raw tab in a string', '"\t"', 400],
  ['NaN', 'NaN', 400],
  ['Infinity', '-Infinity', 400],
  ['a leading zero', '01', 400],
  ['a plus', '+1', 400],
  ['a point at the end', '1.', 400],
  ['hexadecimal', '0x1', 400],
  ['a comma at the end', '[1,]', 400],
  ['a comment', '/**/1', 400],
  ['single quotes', "'a'", 400],
  ['two documents', '{"a":1}{}', 400],
  ['nothing but blanks', '  ', 400],
  ['upper case', 'TRUE', 400],
])
  test(`security item 47: ${name} is ${status}`, async () => {
    const answer = await call('security_echo', body);
    assert.equal(answer.status, status, answer.body);
    if (echoed) assert.equal(answer.body, echoed);
    else assert.equal(JSON.parse(answer.body).code.length > 0, true);
    if (status === 400) {
      const row = await ask('/rest/v1/security_written', { method: 'POST', headers: { ...json, authorization: `Bearer ${process.env.VYRICON_SECRET_KEY}` }, body: Buffer.concat([Buffer.from('{"word":'), Buffer.from(body), Buffer.from('}')]) });
      assert.equal(row.status, inRow, row.body);
    }
  });

for (const [name, path, want, body] of [
  ['an id that is an array', '/rest/v1/tours', 400, { id: [guide], title: 'shape' }],
  ['an id that is an object', '/rest/v1/tours', 400, { id: { eq: guide }, title: 'shape' }],
  ['an id that is a boolean', '/rest/v1/tours', 400, { id: true, title: 'shape' }],
  ['an id that is a number', '/rest/v1/tours', 400, { id: 1, title: 'shape' }],
  ['a number that is a boolean', '/rest/v1/tours', 400, { title: 'shape', price_cents: true }],
  ['a number that is an array', '/rest/v1/tours', 400, { title: 'shape', price_cents: [1] }],
  ['a filter by an array', '/rest/v1/tours?id=eq.[1]', 400],
  ['a filter by an object', '/rest/v1/tours?id=eq.{}', 400],
  ['a filter by a boolean', '/rest/v1/tours?id=eq.true', 400],
  ['a filter with brackets in its name', '/rest/v1/tours?id[]=eq.1', 400],
  ['select twice', '/rest/v1/tours?select=id&select=title', 400],
  ['order twice', '/rest/v1/tours?order=id&order=title', 400],
  ['limit twice', '/rest/v1/tours?limit=1&limit=2', 400],
  ['limit twice, once escaped', '/rest/v1/tours?limit=1&l%69mit=2', 400],
  ['offset twice', '/rest/v1/tours?offset=1&offset=1', 400],
  ['columns twice', '/rest/v1/tours?columns=title&columns=title', 400, [{ title: 'twice' }]],
  ['on_conflict twice', '/rest/v1/tours?on_conflict=id&on_conflict=id', 400, [{ title: 'twice' }]],
  ['an argument twice', '/rest/v1/rpc/security_named?a=1&a=2', 400],
  ['an argument twice, once escaped', '/rest/v1/rpc/security_named?a=1&%61=2', 400],
  ['a filter twice', '/rest/v1/tours?price_cents=gt.1&price_cents=lt.0', 200],
  ['and twice', '/rest/v1/tours?and=(price_cents.gt.1)&and=(price_cents.lt.0)', 200],
])
  test(`security item 53: ${name} is ${want}`, async () => {
    const answer = await ask(path, { method: body ? 'POST' : 'GET', headers: { ...asGuide, ...(body ? json : {}) }, body: body && JSON.stringify(body) });
    assert.equal(answer.status, want, answer.body);
    if (want === 200) assert.equal(answer.body, '[]');
  });

test('security item 54: escapes are decoded once, in paths, files, filters and arguments', async () => {
  for (const [path, status, pattern] of [
    ['/rest/v1/rpc/security_named?a=%2527', 200, /^"%271"$/],
    ['/rest/v1/rpc/security_named?a=%25252527', 200, /^"%2525271"$/],
    ['/rest/v1/rpc/security_named?a=a%252bb', 200, /^"a%2bb1"$/],
    ['/rest/v1/tours?select=title&title=eq.%2541', 200, /^\[\]$/],
    ['/rest/v1/tours%2527', 404, /public\.tours%27'/],
    ['/rest/v1/%2574ours', 404, /public\.%74ours'/],
    ['/rest/v1/%74ours?limit=0', 200, /^\[\]$/],
    ['/rest/v1/%252e%252e/tours', 404, /PGRST125/],
    ['/%252e%252e/index.html', 404, /VY404/],
    ['/app%252ejs', 404, /VY404/],
    ['/docs/%252e%252e%252fdocs', 404, /VY404/],
    ['/%2e%2e/index.html', 400, /bad_target/],
    ['/docs/%2e%2e%2fdocs', 400, /bad_target/],
  ]) {
    const { answers: [answer] } = await exchange(port, `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`);
    assert.equal(answer.status, status, `${path}: ${answer.body}`);
    assert.match(answer.body.toString(), pattern, path);
  }
});

// Every row of every table and every sequence, as one text.
async function everything() {
  const tables = (await sql("SELECT c.relkind, c.oid::regclass FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm', 'S') AND n.nspname !~ '^(pg_|information_schema)' ORDER BY 2")).split('\n');
  assert.ok(tables.length > 10);
  return sql(tables.map((line) => line.split('|')).map(([kind, name]) => `SELECT '${name}', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')), count(*)
    FROM ${kind === 'S' ? `(SELECT last_value, is_called FROM ${name})` : name} AS t`).join(' UNION ALL '));
}

test('security item 56: a crawl of all GET routes changes no row of any table', async () => {
  const routes = (await sql("SELECT pattern FROM vyricon.routes WHERE 'GET' = ANY (methods)")).split('\n');
  const functions = (await sql("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname ~ '^security_' AND proname !~ 'sleeps|dies|recurses'")).split('\n');
  const values = { ':relation': ['tours', 'bookings', 'security_written', 'nothing'], ':function': functions, ':file': ['docs.js', 'nothing'], ':email': ['guide@example.com'], '*path': ['a/b'] };
  const paths = routes.flatMap((pattern) => {
    const word = Object.keys(values).find((name) => pattern.includes(name));
    return word ? values[word].map((value) => pattern.replace(':relation/*path', `tours/${value}`).replace(word, value)) : [pattern];
  });
  assert.ok(routes.length >= 9 && paths.length > routes.length);
  const before = await everything();
  const seen = new Set();
  for (const path of paths)
    for (const method of ['GET', 'HEAD'])
      for (const headers of [{}, asGuide, { authorization: `Bearer ${process.env.VYRICON_SECRET_KEY}` }]) seen.add((await ask(`${path}?state=00000&statement=SELECT%201`, { method, headers })).status).add((await ask(path, { method, headers })).status);
  assert.ok(seen.has(200) && seen.has(405) && seen.has(404), [...seen].join(' '));
  assert.equal(await everything(), before);
});

test('security item 56: a function that writes cannot do it by GET or HEAD, and does it by POST', async () => {
  const before = await everything();
  for (const path of ['/rest/v1/rpc/security_writes', '/rest/v1/rpc/security_sneaks', '/security/writes'])
    for (const method of ['GET', 'HEAD']) assert.equal((await ask(path, { method })).status, 405, `${method} ${path}`);
  assert.equal(await everything(), before);
  assert.equal((await call('security_writes', {})).status, 200);
  assert.notEqual(await everything(), before);
});

test('security item 57: by default any page may read answers, without credentials', async () => {
  for (const origin of ['https://any.example', 'null', 'http://localhost:3000']) {
    const { headers } = await ask('/rest/v1/tours?limit=1', { headers: { origin, cookie: 'a=b' } });
    assert.equal(headers['access-control-allow-origin'], '*');
    assert.equal(headers['access-control-allow-credentials'], undefined);
  }
});

test('security item 57: of a list of origins exactly those may, and a preflight runs no handler', () =>
  withSetting('vyricon.cors_origins', 'https://good.example, https://other.example:8443', async () => {
    const own = await serve();
    try {
      const preflight = (origin, path) => ask(path, { to: own.port, method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' } });
      for (const origin of ['https://good.example', 'https://other.example:8443']) {
        const { headers } = await ask('/rest/v1/tours?limit=1', { to: own.port, headers: { origin } });
        assert.equal(headers['access-control-allow-origin'], origin);
        assert.equal(headers['access-control-allow-credentials'], 'true');
        assert.match(headers.vary, /\bOrigin\b/);
        for (const path of ['/rest/v1/nothing', '/nothing']) assert.equal((await ask(path, { to: own.port, headers: { origin } })).headers['access-control-allow-origin'], origin, path);
        const written = await sql('SELECT count(*) FROM public.security_written');
        for (const path of ['/rest/v1/rpc/security_writes', '/security/writes']) {
          const answer = await preflight(origin, path);
          assert.equal(answer.status, 204);
          assert.equal(answer.headers['access-control-allow-origin'], origin);
          assert.match(answer.headers['access-control-allow-methods'], /POST/);
        }
        assert.equal(await sql('SELECT count(*) FROM public.security_written'), written);
      }
      for (const origin of ['null', 'https://good.example.evil.com', 'https://goodXexample', 'http://good.example', 'https://good.example:443', 'https://good.example/', 'HTTPS://GOOD.EXAMPLE', 'https://evil.com/https://good.example',
        'https://good.example, https://other.example:8443', 'https://good.example https://evil.com', 'https://other.example', 'https://xgood.example', 'https://good.exampl', '*', ',']) {
        for (const answer of [await ask('/rest/v1/tours?limit=1', { to: own.port, headers: { origin } }), await preflight(origin, '/rest/v1/rpc/security_writes')]) {
          assert.deepEqual(Object.keys(answer.headers).filter((name) => name.startsWith('access-control-')), [], origin);
          assert.match(answer.headers.vary, /\bOrigin\b/);
        }
      }
    } finally { assert.equal(await own.stop(), 0); }
  }));

const always = {
  'strict-transport-security': 'max-age=63072000; includeSubDomains',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'geolocation=(), camera=(), microphone=()',
  'x-frame-options': 'DENY',
};
function hasTheSet({ status, headers, body }, name) {
  for (const [header, value] of Object.entries(always)) assert.equal(headers[header], value, `${name}: ${header}`);
  assert.match(headers['cache-control'], /no-store|no-cache|max-age/, name);
  for (const header of ['server', 'x-powered-by', 'x-xss-protection']) assert.equal(headers[header], undefined, name);
  if (status >= 400 && body.length > 0) {
    assert.match(headers['content-type'], /^application\/json/, name);
    assert.equal(typeof JSON.parse(body), 'object', name);
  }
}

test('security items 58 and 62: every kind of answer has the header set', async () => {
  const etag = (await ask('/rest/v1/tours?limit=1')).headers.etag;
  await ask('/security/limited');
  for (const [want, answer] of [
    [200, ask('/rest/v1/tours?limit=1')], [200, ask('/openapi.json')], [200, ask('/auth/v1/.well-known/jwks.json')], [200, ask('/rest/v1/tours', { method: 'HEAD' })],
    [201, ask('/rest/v1/tours', { method: 'POST', headers: { ...asGuide, ...json }, body: '{"title":"headers"}' })], [204, ask('/rest/v1/tours?title=eq.headers', { method: 'DELETE', headers: asGuide })],
    [204, ask('/openapi.json', { method: 'OPTIONS' })], [200, ask('/rest/v1/tours', { method: 'OPTIONS' })], [304, ask('/rest/v1/tours?limit=1', { headers: { 'if-none-match': etag } })],
    [400, ask('/rest/v1/tours?limit=x')], [400, call('security_echo', '{')], [401, ask('/rest/v1/tours', { headers: { authorization: 'Bearer x' } })], [401, call('security_raises', { state: '42501' })],
    [403, call('security_raises', { state: '42501' }, { headers: asGuide })], [404, ask('/nothing')], [404, ask('/rest/v1/nothing')], [404, ask('/auth/v1/nothing')], [405, ask('/openapi.json', { method: 'DELETE' })],
    [405, ask('/rest/v1/tours', { method: 'PUT', headers: asGuide, body: '{}' })], [406, ask('/rest/v1/tours', { headers: { accept: 'image/png' } })], [409, call('security_raises', { state: '23505' })],
    [416, ask('/rest/v1/tours?limit=-1')], [429, ask('/security/limited')], [418, call('security_raises', { state: 'VY418' })], [500, call('security_raises', { state: 'XX000' })],
    [503, call('security_raises', { state: '53300' })], [504, call('security_raises', { state: '57014' })],
  ]) {
    const got = await answer;
    assert.equal(got.status, want, got.body);
    hasTheSet(got, `${want}`);
  }
});

test('security item 58: a page has its own policy, which lets only its own files in', async () => {
  for (const path of ['/docs', '/']) {
    const { headers } = await ask(path);
    for (const directive of ["default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]) assert.ok(headers['content-security-policy'].split('; ').includes(directive), `${path}: ${directive}`);
    assert.doesNotMatch(headers['content-security-policy'], /unsafe|\*|https?:/, path);
    assert.equal(headers['x-content-type-options'], 'nosniff', path);
    assert.equal(headers.server, undefined, path);
  }
});

for (const [name, status, head] of [
  ['a bad head', 400, 'GET / HTTP/1.1\r\nHost: h\r\nX-A : b\r\n\r\n'],
  ['a method that is not implemented', 501, 'BREW / HTTP/1.1\r\nHost: h\r\n\r\n'],
  ['a body that is too large', 413, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 999999999\r\n\r\n'],
  ['a chunked body', 411, 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['a compressed body', 415, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\na'],
  ['an expectation', 417, 'POST / HTTP/1.1\r\nHost: h\r\nExpect: x\r\nContent-Length: 1\r\n\r\na'],
  ['a long target', 414, `GET /${'a'.repeat(9000)} HTTP/1.1\r\nHost: h\r\n\r\n`],
  ['a large head', 431, `GET / HTTP/1.1\r\nHost: h\r\nX-A: ${'a'.repeat(17000)}\r\n\r\n`],
  ['a length that libmicrohttpd refuses', 400, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n'],
  ['a target that libmicrohttpd refuses', 414, `GET /${'a'.repeat(40000)} HTTP/1.1\r\nHost: h\r\n\r\n`],
  ['a head that libmicrohttpd refuses', 431, `GET / HTTP/1.1\r\nHost: h\r\nX-A: ${'a'.repeat(40000)}\r\n\r\n`],
  ['many fields that libmicrohttpd refuses', 431, `GET / HTTP/1.1\r\nHost: h\r\n${'X-A: b\r\n'.repeat(5000)}\r\n`],
  ['a version that libmicrohttpd refuses', 505, 'GET / HTTP/2.0\r\nHost: h\r\n\r\n'],
])
  test(`security item 58: ${name} is ${status}, with the header set and one head, and the connection ends`, async () => {
    const { answers, closed, rest } = await exchange(port, head);
    assert.deepEqual(answers.map((answer) => answer.status), [status]);
    assert.equal(rest.length, 0);
    assert.ok(closed);
    assert.deepEqual(Object.keys(JSON.parse(answers[0].body.toString())).slice(0, 2), ['code', 'message']);
    hasTheSet(answers[0], name);
  });

test('security item 59: what may be kept by whom', async () => {
  for (const [path, want, etag] of [
    ['/rest/v1/tours?limit=1', 'private, no-cache', true], ['/rest/v1/rpc/security_named?a=1', 'private, no-cache', false], ['/rest/v1/nothing', 'private, no-cache', false],
    ['/auth/v1/nothing', 'no-store', false], ['/nothing', 'no-store', false], ['/security/limited', 'no-store', false], ['/dev/token/guide@example.com', 'no-store', false],
  ]) {
    const { headers } = await ask(path, { headers: asGuide });
    assert.equal(headers['cache-control'], want, path);
    assert.equal(headers.etag !== undefined, etag, path);
  }
});

test('security item 61: no answer is wrapped into a call', async () => {
  for (const path of ['/rest/v1/tours?limit=1', '/rest/v1/rpc/security_named?a=1', '/openapi.json?x=1', '/auth/v1/.well-known/jwks.json?x=1', '/nothing?x=1'])
    for (const name of ['callback', 'jsonp', 'cb', '_callback']) {
      const { headers, body } = await ask(`${path}&${name}=evil`);
      assert.match(headers['content-type'], /^application\/(json|openapi\+json)/, path);
      assert.doesNotMatch(body, /^\W*evil\b/);
      JSON.parse(body);
    }
  assert.equal((await ask('/rest/v1/tours', { headers: { accept: 'application/javascript' } })).status, 406);
});

test('security item 64: methods that are none of ours are 501, whatever they ask for', async () => {
  for (const method of ['TRACE', 'CONNECT', 'get', 'Get', 'FOO', 'TRACK', 'PROPFIND', 'PRI', 'GETS'])
    for (const target of ['/', '/rest/v1/tours', '/nothing']) {
      const { answers, closed } = await exchange(port, `${method} ${target} HTTP/1.1\r\nHost: h\r\nX-Canary: reflected\r\n\r\n`);
      assert.deepEqual(answers.map((answer) => answer.status), [501], `${method} ${target}`);
      assert.ok(closed && !answers[0].body.includes('reflected'));
    }
});

test('security item 67: a body beyond the limit is 413 before it is sent, at the limit it is taken', async () => {
  const own = await serve(['--max-body', '1000']);
  try {
    const send = (n) => `POST /rest/v1/rpc/security_echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: ${n}\r\n\r\n`;
    assert.deepEqual((await exchange(own.port, send(1001))).answers.map((answer) => answer.status), [413]);
    assert.deepEqual((await exchange(own.port, [send(1000), `"${'a'.repeat(998)}"`])).answers.map((answer) => answer.status), [200]);
  } finally { assert.equal(await own.stop(), 0); }
});

test('security item 67: JSON deeper than its bound is 400, however deep', async () => {
  for (const [depth, want] of [[32, 200], [33, 400], [65, 400], [100000, 400], [2000000, 400]]) {
    assert.equal((await call('security_echo', '['.repeat(depth) + ']'.repeat(depth))).status, want, `${depth} arrays`);
    if (depth < 1000000) assert.equal((await call('security_echo', `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`)).status, want, `${depth} objects`);
  }
});

test('security item 67: SQL that is too slow is 504 at the statement timeout', async () => {
  const own = await serve([], '-c statement_timeout=300');
  try {
    const answer = await call('security_sleeps', { s: 20 }, { to: own.port });
    assert.equal(answer.status, 504, answer.body);
    assert.deepEqual(JSON.parse(answer.body), { code: '57014', details: null, hint: null, message: 'the request took too long' });
    assert.ok(answer.ms >= 290 && answer.ms < 3000, `${answer.ms} ms`);
    assert.equal((await ask('/rest/v1/tours?limit=1', { to: own.port })).status, 200);
  } finally { assert.equal(await own.stop(), 0); }
});

test('security item 68: 200 connections that drip are closed by the deadline of the head, and others are served meanwhile', async () => {
  const deadline = 2000;
  const own = await serve(['--head-timeout', `${deadline}`]);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  try {
    const closed = [];
    let open = 0;
    const drips = Array.from({ length: 200 }, () => new Promise((done) => {
      const socket = net.connect(own.port, '127.0.0.1');
      const began = performance.now();
      const timer = setInterval(() => socket.write('X-A: b\r\n'), 100);
      socket.on('connect', () => { open++; socket.write('GET /rest/v1/tours HTTP/1.1\r\nHost: h\r\n'); });
      socket.on('error', () => {});
      socket.on('close', () => { clearInterval(timer); closed.push(performance.now() - began); done(); });
      socket.resume();
    }));
    const times = [];
    while (closed.length < 100 || times.length < 200) {
      const answer = await ask('/rest/v1/tours?limit=1', { to: own.port, agent });
      assert.equal(answer.status, 200);
      times.push(answer.ms);
    }
    await Promise.all(drips);
    const p99 = times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)];
    assert.equal(open, 200);
    assert.ok(p99 < 200, `p99 of ${times.length} requests is ${p99} ms`);
    assert.ok(Math.min(...closed) >= deadline - 100 && Math.max(...closed) < deadline + 2000, `closed after ${Math.min(...closed)} to ${Math.max(...closed)} ms`);
  } finally {
    agent.destroy();
    assert.equal(await own.stop(), 0);
  }
});

test('security item 69: a body in any coding is 415', async () => {
  for (const coding of ['gzip', 'GZIP', 'deflate', 'br', 'zstd', 'identity, gzip', 'gzip, gzip', 'x']) {
    const { answers } = await exchange(port, `POST /rest/v1/rpc/security_echo HTTP/1.1\r\nHost: h\r\nContent-Encoding: ${coding}\r\nContent-Length: 2\r\n\r\n{}`);
    assert.deepEqual(answers.map((answer) => answer.status), [415], coding);
  }
});

async function filesBelow(folder) {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

test('security item 77: no secret is in a log, a dump, a setting, a statistic or a file of the data folder', async () => {
  const canary = `canary-of-item-77-${process.pid}`;
  const bearer = token({ email: canary });
  await sql('ALTER ROLE vyricon_shim SET log_min_duration_statement = 0; ALTER ROLE vyricon_shim SET log_statement = \'all\'; ALTER ROLE vyricon_shim SET log_min_error_statement = error');
  const own = await serve();
  try {
    const headers = { apikey: process.env.VYRICON_PUBLISHABLE_KEY, authorization: `Bearer ${bearer}`, cookie: `a=${canary}`, 'idempotency-key': canary };
    for (const [name, body] of [['security_echo', { password: canary }], ['security_raises', { state: 'XX000', [canary]: 1 }], ['security_raises', { state: 'XX000' }], ['security_named', { a: canary, b: canary }], ['security_echo', `{"${canary}`]])
      await call(name, body, { to: own.port, headers });
    await ask(`/rest/v1/tours?title=eq.${canary}&nothing=eq.${canary}`, { to: own.port, headers });
    await ask('/rest/v1/tours', { to: own.port, headers: { authorization: `Bearer ${process.env.VYRICON_SECRET_KEY}` } });
    await ask('/rest/v1/tours', { to: own.port, headers: { authorization: `Bearer ${process.env.VYRICON_SECRET_KEY}x` } });
  } finally {
    assert.equal(await own.stop(), 0);
    await sql('ALTER ROLE vyricon_shim RESET log_min_duration_statement; ALTER ROLE vyricon_shim RESET log_statement; ALTER ROLE vyricon_shim RESET log_min_error_statement; CHECKPOINT');
  }
  const rootKey = await readFile(await sql('SHOW vyricon.root_key_file'));
  const word = (text) => [Buffer.from(text), Buffer.from(Buffer.from(text).toString('hex')), Buffer.from(Buffer.from(text).toString('base64').replace(/=+$/, '').slice(0, -1))];
  const secrets = { jwt: word(process.env.VYRICON_JWT_SECRET), key: word(process.env.VYRICON_SECRET_KEY), root: [rootKey, ...['hex', 'base64'].map((form) => Buffer.from(rootKey.toString(form)))], bearer: [Buffer.from(bearer.split('.')[2])] };
  const logged = { ...secrets, canary: [Buffer.from(canary)] };
  const dump = await run(join(process.env.PG_BINDIR, 'pg_dump'), ['-d', process.env.DATABASE_URL]);
  assert.equal(dump.status, 0, dump.err);
  const places = [
    ['a dump', Buffer.from(dump.out), secrets],
    ['settings and statistics', Buffer.from(await sql('SELECT s::text FROM pg_settings AS s UNION ALL SELECT a::text FROM pg_stat_activity AS a UNION ALL SELECT r::text FROM pg_db_role_setting AS r')), secrets],
    ['the log of a shim of its own', Buffer.from(own.shim.text), logged],
    ['the shim\'s log', await readFile(join(process.env.VYRICON_LOGS, 'shim.log')), logged],
    ['the server\'s log', await readFile(join(process.env.VYRICON_LOGS, 'server.log')), logged],
  ];
  assert.ok(places[4][1].includes('http_wire'), 'statements were logged');
  const data = await filesBelow(await sql('SHOW data_directory'));
  assert.ok(data.length > 500);
  for (const file of data) places.push([file, await readFile(file).catch(() => Buffer.alloc(0)), secrets]);
  for (const [place, bytes, words] of places)
    for (const [name, forms] of Object.entries(words)) assert.ok(!forms.some((form) => bytes.includes(form)), `${name} is in ${place}`);
});

// One state of each class that a function can raise; 00 and 57P01 mean something else than an error.
const states = ['01000', '02000', '03000', '08006', '09000', '0A000', '0B000', '0F000', '0L000', '0P000', '0Z000', '20000', '21000', '22012', '23505', '23514', '24000', '25006', '26000', '27000', '28000', '2B000', '2D000', '2F000',
  '34000', '38000', '39000', '3B000', '3D000', '3F000', '40001', '40P01', '42501', '42601', '42P01', '44000', '53100', '54000', '55000', '57014', '58030', '72000', 'F0000', 'HV000', 'P0001', 'P0002', 'XX000', 'XX002', 'VY418', 'PT402', 'ZZ999'];
const tells = /PL\/pgSQL|CONTEXT|SQL statement|at RAISE|\.c\b|\.c:|\bline \d+ at\b|PostgreSQL|\b15\.\d+|security_raises/;

test('security item 85: an error of each class has the keys of its dialect and tells nothing of the server', async () => {
  for (const state of states) {
    const rest = await call('security_raises', { state }, { headers: { 'x-request-id': 'item85' } });
    const ours = await ask(`/security/raises/${state}`, { method: 'POST', headers: { 'x-request-id': 'item85' } });
    assert.equal(rest.status, ours.status, state);
    assert.ok(rest.status >= 400, state);
    assert.deepEqual(Object.keys(JSON.parse(rest.body)), ['code', 'details', 'hint', 'message'], state);
    assert.deepEqual(Object.keys(JSON.parse(ours.body)).filter((key) => !['details', 'hint'].includes(key)), ['code', 'message', 'request_id'], state);
    for (const answer of [rest, ours]) {
      const body = JSON.parse(answer.body);
      assert.equal(body.code, state);
      assert.equal(answer.headers['x-request-id'], 'item85');
      assert.equal(answer.headers.server, undefined);
      assert.doesNotMatch(answer.body, tells);
      if (answer.status >= 500) {
        assert.doesNotMatch(answer.body, /canary|a message of/, state);
        assert.match(body.message, /^(internal error|the request took too long|the service is not available now)$/, state);
      }
      if (state.startsWith('23')) assert.doesNotMatch(answer.body, /detail-canary/);
    }
  }
});

test('security item 85: errors that the server finds itself tell neither statement nor place nor row', async () => {
  const rows = [
    ['SELECT 1 / 0', 400], ['SELECT \'x\'::int', 400], ['SELECT * FROM nowhere', 404], ['SELECT nothing()', 404], ['SELEC', 400], ['SELECT * FROM auth.users', 403], ['SELECT pg_read_file(\'PG_VERSION\')', 403],
    ['SELECT repeat(\'x\', 2000000000)', 500], ['SELECT \'{\'::json', 400], ['SELECT \'(\' ~ \'(\'', 400], ['COMMIT', 400], ['SELECT set_config(\'role\', \'service_role\', true)', 403], ['SELECT array_fill(0, ARRAY[1000000000])', 413],
  ];
  for (const [statement] of rows) {
    const answer = await call('security_runs', { statement }, { headers: asGuide });
    assert.ok(answer.status >= 400, `${statement}: ${answer.status}`);
    assert.deepEqual(Object.keys(JSON.parse(answer.body)), ['code', 'details', 'hint', 'message'], statement);
    assert.doesNotMatch(answer.body, /PL\/pgSQL|CONTEXT|SQL statement|\bline \d+ at\b|\.c:|PostgreSQL|\b15\.\d+|security_runs/, statement);
    if (answer.status >= 500) assert.match(JSON.parse(answer.body).message, /^(internal error|the service is not available now)$/, statement);
  }
  const deep = await call('security_recurses', { n: 1 });
  assert.equal(deep.status, 400);
  assert.doesNotMatch(deep.body, /max_stack_depth|kB|PL\/pgSQL|security_recurses/);
  const checked = await ask('/rest/v1/security_written', { method: 'POST', headers: { ...json, authorization: `Bearer ${process.env.VYRICON_SECRET_KEY}` }, body: '{"word":"checked"}' });
  assert.equal(checked.status, 400);
  assert.equal(JSON.parse(checked.body).details, null);
});

test('security item 86: without its database a shim that served answers 503, and serves again when it is back', async () => {
  const own = await serve(['--queue-wait', '300']);
  try {
    await sql('ALTER ROLE vyricon_shim CONNECTION LIMIT 0');
    await sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'vyricon_shim'");
    const answer = await ask('/rest/v1/tours?limit=1', { to: own.port });
    assert.equal(answer.status, 503, answer.body);
    hasTheSet(answer, '503');
    assert.equal((await ask('/ready', { to: own.admin })).status, 503);
  } finally { await sql('ALTER ROLE vyricon_shim CONNECTION LIMIT -1'); }
  while ((await ask('/rest/v1/tours?limit=1', { to: own.port })).status !== 200);
  while ((await ask('/rest/v1/tours?limit=1')).status !== 200);
  assert.equal(await own.stop(), 0);
});

test('security item 87: whatever a handler does to itself, the shim goes on, and the next request is answered', async () => {
  const own = await serve();
  const { pid } = own.shim.child;
  const answers = (reply) => ask('/security/answers', { to: own.port, method: 'POST', headers: json, body: JSON.stringify(reply) });
  for (const [name, failing] of [
    ['its backend ends', () => call('security_dies', {}, { to: own.port })],
    ['it recurses without end', () => call('security_recurses', { n: 1 }, { to: own.port })],
    ['it wants two gigabytes', () => call('security_runs', { statement: "SELECT repeat('x', 2000000000)" }, { to: own.port })],
    ['it answers with more than may be', () => call('security_runs', { statement: "SELECT repeat('x', 34000000)" }, { to: own.port })],
    ['it cancels itself', () => call('security_runs', { statement: 'SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(1)' }, { to: own.port })],
    ['a status that is none', () => answers({ status: 99999, headers: {}, text: '' })],
    ['a negative status', () => answers({ status: -1, headers: {}, text: '' })],
    ['an informational status', () => answers({ status: 101, headers: {}, text: '' })],
    ['a header that begins another', () => answers({ status: 200, headers: { 'x-a': 'b\r\nx-evil: 1\r\n\r\nbody' }, text: '' })],
    ['a header name with a line break', () => answers({ status: 200, headers: { 'x-a\r\nx-evil': '1' }, text: '' })],
    ['a length of its own', () => answers({ status: 200, headers: { 'content-length': '5' }, text: 'longer than five' })],
    ['a coding of its own', () => answers({ status: 200, headers: { 'transfer-encoding': 'chunked' }, text: 'not chunked' })],
    ['headers that are no object', () => answers({ status: 200, headers: [1], text: '' })],
    ['no body', () => answers({ status: 200 })],
  ]) {
    const answer = await failing();
    assert.ok(answer.status >= 200 && answer.status < 600, `${name}: ${answer.status}`);
    assert.equal(answer.headers['x-evil'], undefined, name);
    assert.equal((await ask('/rest/v1/tours?limit=1', { to: own.port })).status, 200, name);
  }
  assert.equal(own.shim.child.pid, pid);
  assert.equal(own.shim.child.exitCode, null);
  assert.equal(await own.stop(), 0);
});

test('security item 87: heads that are too large together are an answer that says so, and smaller ones are answered', async () => {
  const size = (n) => `${'a'.repeat(n)}`;
  for (const [request, replies, want] of [[100, 0, 200], [11000, 1, 200], [11900, 4, 500], [100, 6, 200], [100, 9, 500]])
    for (const spread of [1, 20]) {
      const headers = { ...json, ...Object.fromEntries(Array.from({ length: spread }, (_, i) => [`x-${i}`, size(Math.max(1, Math.floor(request / spread) - 10))])) };
      const reply = Object.fromEntries(Array.from({ length: replies }, (_, i) => [`x-reply-${i}`, size(2000)]));
      const got = await ask('/security/answers', { method: 'POST', headers, body: JSON.stringify({ status: 200, headers: reply, text: 'hello' }) });
      assert.equal(got.status, want, `${request} bytes of request in ${spread}, ${replies} headers of answer`);
      if (want === 200) assert.equal(Object.keys(got.headers).filter((name) => name.startsWith('x-reply-')).length, replies);
      else assert.equal(JSON.parse(got.body).code, 'answer_head_too_large');
    }
  const { answers, closed } = await exchange(port, `HEAD / HTTP/1.1\r\nHost: h\r\nX-A : b\r\n\r\n`, { heads: 1 });
  assert.deepEqual([answers.length, answers[0].status, closed], [1, 400, true]);
});

test('security item 91: counters, probes and helps for development are not on the public port', () =>
  withSetting('vyricon.dev', 'off', async () => {
    const own = await serve();
    try {
      for (const path of ['/metrics', '/live', '/ready', '/debug', '/debug/pprof', '/status', '/stats', '/server-status', '/health', '/env', '/dev/token/guide@example.com', '/.git/config', '/.env', '/vyricon.log'])
        for (const headers of [{}, asGuide]) assert.equal((await ask(path, { to: own.port, headers })).status, 404, path);
      const answer = await ask('/rest/v1/bookings', { to: own.port, headers: { 'x-vyricon-why': '1' } });
      assert.equal(answer.headers['x-vyricon-why'], undefined);
      assert.equal((await ask('/rest/v1/tours', { to: own.port, headers: { accept: 'application/vnd.pgrst.plan+json' } })).status, 406);
      for (const path of ['/rest/v1/tours', '/', '/openapi.json', '/docs']) assert.equal((await ask(path, { to: own.admin })).status, 404, `${path} on the admin port`);
      assert.match(await run('psql', ['-XqAt', '-d', process.env.DATABASE_URL, '-c', "SET ROLE authenticated; SELECT vyricon.explain('GET', '/rest/v1/tours')"]).then(({ err }) => err), /ERROR/);
    } finally { assert.equal(await own.stop(), 0); }
  }));
