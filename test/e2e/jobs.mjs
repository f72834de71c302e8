// Jobs from commit to peer: sent once, never inside a transaction, repeated only where that is safe, and never to a private address.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startMailSink } from './lib/mail_sink.mjs';

const database = process.env.DATABASE_URL;
const sql = (text, url = database) => execFileSync('psql', ['-qXAt', '-v', 'ON_ERROR_STOP=1', url], { input: text, encoding: 'utf8' }).trim();
// While it runs, this process goes on being the peer.
const sqlMeanwhile = (text, url = database) => promisify(execFile)('psql', ['-qXAt', '-v', 'ON_ERROR_STOP=1', url, '-c', text]);
const lines = (text) => sql(text).split('\n').filter(Boolean);
const seen = []; // what arrived, in order
const answers = {}; // by path: (request, response, nth delivery of its key) => void
let peer;
let url;

const settings = { outbound_networks: '127.0.0.0/8', job_backoff: '20ms', job_backoff_max: '100ms', job_timeout: '2s', job_lease: '4s' };
const set = (all) => sql(`${Object.entries(all).map(([name, value]) => `ALTER SYSTEM ${value === null ? `RESET vyricon.${name}` : `SET vyricon.${name} = '${value}'`};`).join('\n')} SELECT pg_reload_conf();`);

before(async () => {
  set(settings);
  peer = createServer(async (request, response) => {
    const arrived = { at: performance.now(), path: request.url, method: request.method, headers: request.headers, key: request.headers['idempotency-key'], body: '' };
    seen.push(arrived);
    for await (const chunk of request) arrived.body += chunk;
    const nth = seen.filter((other) => other.key === arrived.key).length;
    (answers[request.url.split('?')[0]] ?? ((_, out) => out.end('ok')))(request, response, nth);
  }).listen(0, '127.0.0.1');
  await once(peer, 'listening');
  url = `http://127.0.0.1:${peer.address().port}`;
});

after(async () => {
  set(Object.fromEntries(Object.keys(settings).map((name) => [name, null])));
  sql('TRUNCATE vyricon.jobs');
  peer.closeAllConnections();
  peer.close();
});

const enqueue = (path, payload = {}, more = '') => sql(`SELECT vyricon.enqueue('http', $j$${JSON.stringify({ url: url + path, ...payload })}$j$${more})`);
const job = (id) => JSON.parse(sql(`SELECT row_to_json(j) FROM (SELECT id, state, attempts, status, answer, problem, idempotency_key FROM vyricon.jobs WHERE id = ${id}) AS j`));
const deliveries = (id) => seen.filter((request) => request.key === job(id).idempotency_key);

async function until(condition, seconds, words) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(20)) if (await condition()) return;
  assert.fail(`after ${seconds} s: ${words()}`);
}

async function ends(id, state) {
  await until(() => !['queued', 'in_flight'].includes(job(id).state), 10, () => JSON.stringify(job(id)));
  assert.equal(job(id).state, state, JSON.stringify(job(id)));
  return job(id);
}

test('what was committed arrives once, as it was written; what was rolled back never does', async () => {
  sql(`BEGIN; SELECT vyricon.enqueue('http', '{"url":"${url}/rolled-back"}'); ROLLBACK;`);
  const id = enqueue('/plain', { method: 'PATCH', headers: { 'X-Mine': 'yes' }, body: { tour: 1 } });
  const done = await ends(id, 'done');
  assert.deepEqual([done.status, done.answer, done.attempts], [200, 'ok', 1]);
  const [arrived, ...others] = deliveries(id);
  assert.equal(others.length, 0);
  assert.deepEqual([arrived.method, arrived.body, arrived.headers['x-mine'], arrived.headers['content-type']], ['PATCH', '{"tour": 1}', 'yes', 'application/json']);
  assert.ok(!seen.some((request) => request.path === '/rolled-back'));
});

test('a text is sent as it is, and without a body there is none', async () => {
  const text = enqueue('/plain', { body: 'a=1&b=ü', headers: { 'content-type': 'application/x-www-form-urlencoded' } });
  const none = enqueue('/plain', { method: 'GET' });
  await ends(text, 'done');
  await ends(none, 'done');
  assert.deepEqual([deliveries(text)[0].body, deliveries(text)[0].headers['content-type']], ['a=1&b=ü', 'application/x-www-form-urlencoded']);
  assert.deepEqual([deliveries(none)[0].body, deliveries(none)[0].method, deliveries(none)[0].headers['content-length']], ['', 'GET', undefined]);
});

test('500 and a lost answer: sent again with the same key where that is safe, else unknown after one delivery', async () => {
  answers['/breaks'] = (_, response, nth) => { response.statusCode = nth < 3 ? 500 : 200; response.end('x'); };
  answers['/loses'] = (request, response, nth) => (nth < 3 ? request.socket.destroy() : response.end('x'));
  for (const path of ['/breaks', '/loses']) {
    const safe = enqueue(path, { idempotent: true });
    const plain = enqueue(path);
    assert.equal((await ends(safe, 'done')).attempts, 3);
    assert.equal(deliveries(safe).length, 3);
    await ends(plain, 'unknown');
    assert.equal(deliveries(plain).length, 1);
  }
});

test('an answer that is cut short, drips or does not come is lost', async () => {
  answers['/cut'] = (request, response) => { response.writeHead(200, { 'content-length': 100 }); response.write('x'); setImmediate(() => request.socket.destroy()); };
  answers['/drips'] = (_, response) => { const drip = setInterval(() => response.write('x'), 50); response.on('close', () => clearInterval(drip)); };
  answers['/hangs'] = () => {};
  for (const id of ['/cut', '/drips', '/hangs'].map((path) => enqueue(path))) await ends(id, 'unknown');
});

test('security item 94: an answer of 50 MB is read to 1 MiB, kept to 16 KiB, and the worker stays small', async () => {
  answers['/huge'] = async (_, response) => {
    const part = Buffer.alloc(1 << 20, 'x');
    for (let i = 0; i < 50 && !response.destroyed; i++) if (!response.write(part)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    response.end();
  };
  const ids = Array.from({ length: 8 }, () => enqueue('/huge'));
  for (const id of ids) assert.equal((await ends(id, 'done')).answer.length, 16384);
  const pid = sql("SELECT pid FROM vyricon.stat_workers WHERE datname = current_database()");
  assert.ok(Number(/VmHWM:\s+(\d+)/.exec(sql(`SELECT pg_read_file('/proc/${pid}/status')`))[1]) < 100 * 1024);
});

test('a refusal is final; "later" is not', async () => {
  answers['/no'] = (_, response) => { response.statusCode = 422; response.end('bad tour'); };
  answers['/busy'] = (_, response, nth) => { response.statusCode = nth === 1 ? 429 : 200; response.end(); };
  const refused = await ends(enqueue('/no'), 'failed');
  assert.deepEqual([refused.status, refused.answer, refused.attempts], [422, 'bad tour', 1]);
  assert.equal((await ends(enqueue('/busy'), 'done')).attempts, 2);
});

test('a peer that is away is waited for, and retry() does not wait', async () => {
  const away = createServer((_, response) => response.end('back')).listen(0, '127.0.0.1');
  await once(away, 'listening');
  const { port } = away.address();
  away.close();
  await once(away, 'close');
  const id = sql(`SELECT vyricon.enqueue('http', '{"url":"http://127.0.0.1:${port}/"}')`);
  await until(() => job(id).attempts >= 2, 10, () => JSON.stringify(job(id)));
  assert.match(job(id).problem, /connect/i);
  away.listen(port, '127.0.0.1');
  await once(away, 'listening');
  sql(`SELECT vyricon.retry(${id})`);
  await ends(id, 'done');
  away.closeAllConnections();
  away.close();
});

test('jobs of one subject arrive one after the other, in order', async () => {
  let open = 0;
  let most = 0;
  const order = [];
  answers['/serial'] = async (request, response) => { most = Math.max(most, ++open); order.push(request.url.split('=')[1]); await sleep(30); open--; response.end(); };
  const ids = lines(`SELECT vyricon.enqueue('http', jsonb_build_object('url', '${url}/serial?n=' || n), subject => 'customer') FROM generate_series(1, 8) AS n`);
  for (const id of ids) await ends(id, 'done');
  assert.equal(most, 1);
  assert.deepEqual(order, ['1', '2', '3', '4', '5', '6', '7', '8']);
});

test('what is due later waits, can be cancelled, and goes at its time', async () => {
  const soon = enqueue('/plain', {}, ", now() + interval '400 milliseconds'");
  const cancelled = enqueue('/plain', {}, ", now() + interval '300 milliseconds'");
  assert.equal(sql(`SELECT vyricon.cancel(${cancelled})`), 't');
  assert.equal(deliveries(soon).length, 0);
  await ends(soon, 'done');
  await ends(cancelled, 'cancelled');
  assert.equal(deliveries(cancelled).length, 0);
});

test('200 jobs are in flight at once against a peer of 500 ms, and meanwhile the worker has no transaction open', async () => {
  let open = 0;
  let most = 0;
  // Half a second, and until all are there: this process is the peer of all of them, and may be late itself.
  answers['/slow'] = async (_, response) => {
    most = Math.max(most, ++open);
    await sleep(500);
    for (let waited = 0; most < 200 && waited < 1200; waited += 50) await sleep(50);
    open--;
    response.end();
  };
  sql(`SELECT vyricon.enqueue('http', '{"url":"${url}/slow"}', subject => 'slow ' || n) FROM generate_series(1, 200) AS n`);
  await until(() => open > 0, 10, () => 'nothing arrived');
  const activity = [];
  while (open > 0) {
    activity.push(sql("SELECT state || ' ' || coalesce(xact_start::text, 'none') FROM pg_stat_activity WHERE application_name = 'vyricon worker' AND datname = current_database()"));
    await sleep(50);
  }
  const done = () => sql("SELECT count(*) FROM vyricon.jobs WHERE subject LIKE 'slow %' AND state = 'done'");
  await until(() => done() === '200', 10, done);
  assert.equal(most, 200);
  assert.ok(activity.length > 3 && activity.filter((line) => line === 'idle none').length >= activity.length * 0.8, activity.join(', '));
});

test('security item 49: no private address is called, by number or by name, and no redirect is followed', async () => {
  answers['/redirect'] = (_, response) => { response.writeHead(302, { location: `${url}/redirected` }); response.end(); };
  await ends(enqueue('/redirect'), 'failed');
  assert.ok(!seen.some((request) => request.path === '/redirected'));
  set({ outbound_networks: '' });
  const before = seen.length;
  for (const host of ['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]']) {
    const id = sql(`SELECT vyricon.enqueue('http', '{"url":"http://${host}:${peer.address().port}/private"}')`);
    assert.match((await ends(id, 'failed')).problem, /network that jobs may not call/);
  }
  assert.equal(seen.length, before);
  set({ outbound_networks: settings.outbound_networks });
});

const other = (name) => Object.assign(new URL(database), { pathname: `/${name}` }).href;
const arrivals = (path) => seen.filter((request) => request.path === path);

async function busyDatabase(name, path, jobs, more = {}) {
  answers[path] = async (_, response) => { await sleep(400); response.end('had it'); };
  sql(`CREATE DATABASE ${name}`, other('template1'));
  sql('CREATE EXTENSION vyricon; SELECT vyricon.setup();', other(name));
  const payload = JSON.stringify({ url: url + path, ...more });
  sql(`SELECT vyricon.enqueue('http', '${payload}') FROM generate_series(1, ${jobs})`, other(name));
  await until(() => arrivals(path).length > 0, 10, () => 'nothing arrived');
}

test('a copy of the database and rename work while the worker is busy; what was in flight ends, is recorded, and is sent once', async () => {
  await busyDatabase('jobs_busy', '/busy-while', 40);
  await sqlMeanwhile('CREATE DATABASE jobs_copy TEMPLATE jobs_busy', other('template1'));
  await sqlMeanwhile('ALTER DATABASE jobs_busy RENAME TO jobs_renamed', other('template1'));
  const left = () => sql("SELECT count(*) FROM vyricon.jobs WHERE state IN ('queued', 'in_flight')", other('jobs_renamed'));
  await until(() => left() === '0', 20, left);
  assert.equal(sql('SELECT state, count(*), max(attempts), coalesce(min(answer), min(problem)) FROM vyricon.jobs GROUP BY state', other('jobs_renamed')), 'done|40|1|had it');
  assert.equal(arrivals('/busy-while').length, 40);
  sql('DROP DATABASE jobs_renamed', other('template1'));
  sql('DROP DATABASE jobs_copy', other('template1'));
});

test('DROP EXTENSION and DROP DATABASE work while jobs are in flight', async () => {
  await busyDatabase('jobs_dropped', '/while-extension', 5);
  await sqlMeanwhile('DROP EXTENSION vyricon CASCADE', other('jobs_dropped'));
  assert.equal(sql("SELECT count(*) FROM pg_extension WHERE extname = 'vyricon'", other('jobs_dropped')), '0');
  sql('DROP DATABASE jobs_dropped', other('template1'));
  await busyDatabase('jobs_dropped', '/while-database', 5);
  await sqlMeanwhile('DROP DATABASE jobs_dropped', other('template1'));
  assert.equal(sql("SELECT count(*) FROM pg_database WHERE datname = 'jobs_dropped'"), '0');
});

test('a template branch and a restored dump with 100 pending jobs send nothing until adopted, and then only what is asked for', async () => {
  const sink = await startMailSink();
  const mails = async () => (await (await fetch(`${sink.url}/messages`)).json()).length;
  set({ smtp_url: sink.smtpUrl });
  sql('CREATE DATABASE jobs_origin', other('template1'));
  sql('CREATE EXTENSION vyricon; SELECT vyricon.setup();', other('jobs_origin'));
  const soon = "now() + interval '5 seconds'";
  const ids = [`'http', '{"url":"${url}/of-copy"}'`, `'mail', '{"from":"a@example.com","to":"b@example.com","subject":"of copy","text":"x"}'`]
    .map((job) => sql(`SELECT vyricon.enqueue(${job}, ${soon}) FROM generate_series(1, 50)`, other('jobs_origin')).split('\n')[0]);
  const copies = ['jobs_branch', 'jobs_restored'];
  sql('CREATE DATABASE jobs_branch TEMPLATE jobs_origin', other('template1'));
  sql('CREATE DATABASE jobs_restored', other('template1'));
  execFileSync('bash', ['-euc', 'set -o pipefail; "$PG_BINDIR/pg_dump" "$0" | psql -qX -v ON_ERROR_STOP=1 "$1" >/dev/null', other('jobs_origin'), other('jobs_restored')]);
  sql('DROP DATABASE jobs_origin', other('template1'));
  const state = (name) => sql(`SELECT coalesce((SELECT state FROM vyricon.stat_workers WHERE datname = '${name}'), 'none')`, other(name));
  const count = (name, condition) => sql(`SELECT count(*) FROM vyricon.jobs WHERE ${condition}`, other(name));
  for (const name of copies) {
    await until(() => count(name, 'run_at < clock_timestamp()') === '100', 30, () => count(name, 'run_at < clock_timestamp()'));
    assert.throws(() => sql("SELECT vyricon.run_job('purge')", other(name)), /no job runs in a database/);
  }
  await until(() => state('jobs_branch') === 'copy', 30, () => state('jobs_branch'));
  assert.deepEqual([arrivals('/of-copy').length, await mails()], [0, 0]);
  for (const [n, name] of copies.entries()) {
    assert.match(sql('SELECT vyricon.setup(adopt => true)', other(name)), /100 jobs of the original are parked/);
    await until(() => state(name) === 'running', 20, () => state(name));
    for (const id of ids) sql(`SELECT vyricon.retry(${id})`, other(name));
    await until(() => count(name, "state = 'done'") === '2', 20, () => sql('SELECT * FROM vyricon.stat_jobs', other(name)));
    assert.deepEqual([arrivals('/of-copy').length, await mails()], [n + 1, n + 1]);
    sql(`DROP DATABASE ${name}`, other('template1'));
  }
  set({ smtp_url: null });
  sink.close();
});

test('security item 78: a peer whose certificate nobody vouches for, or with TLS 1.1, gets nothing of the request, and the job waits', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vyricon-tls-'));
  const [key, cert] = ['key', 'cert'].map((name) => join(folder, name));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  let requests = 0;
  let shaken = 0;
  for (const [version, problem] of [['TLSv1.3', /certificate/], ['TLSv1.1', /SSL connect error/]]) {
    const tls = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert), minVersion: version === 'TLSv1.1' ? 'TLSv1' : version, maxVersion: version, ciphers: 'DEFAULT:@SECLEVEL=0' }, (_, response) => { requests++; response.end(); });
    tls.on('connection', () => { shaken++; });
    tls.listen(0, '127.0.0.1');
    await once(tls, 'listening');
    const id = sql(`SELECT vyricon.enqueue('http', '{"url":"https://localhost:${tls.address().port}/","body":"secret"}')`);
    await until(() => job(id).attempts >= 2, 10, () => JSON.stringify(job(id)));
    assert.match(job(id).problem, problem);
    await until(() => sql(`SELECT vyricon.cancel(${id})`) === 't' || job(id).state === 'cancelled', 5, () => JSON.stringify(job(id)));
    tls.close();
  }
  rmSync(folder, { recursive: true });
  assert.ok(shaken >= 4);
  assert.equal(requests, 0);
});

test('a signed webhook has the headers of Standard Webhooks, signed with the time of the attempt', async () => {
  const secret = Buffer.from('a secret of twenty-four b');
  sql(`SELECT vyricon.set_secret('hook', 'whsec_${secret.toString('base64')}')`);
  const id = enqueue('/plain', { sign: 'hook', body: { type: 'tour.created' } });
  await ends(id, 'done');
  const [{ headers, body }] = deliveries(id);
  const expected = createHmac('sha256', secret).update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`).digest('base64');
  assert.equal(headers['webhook-signature'], `v1,${expected}`);
  assert.equal(headers['webhook-id'], headers['idempotency-key']);
  assert.ok(Math.abs(Date.now() / 1000 - Number(headers['webhook-timestamp'])) < 30);
  sql("UPDATE vyricon.secrets SET value = '\\x01' WHERE name = 'user/hook'");
  const broken = enqueue('/plain', { sign: 'hook' });
  const other = enqueue('/plain');
  await ends(other, 'done');
  assert.match(job(broken).problem, /could not be prepared/);
  sql(`SELECT vyricon.cancel(${broken})`);
});
