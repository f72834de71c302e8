// Prefer: wait. A client is answered when its job has ended or its time is over, and holds no database connection meanwhile.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import http, { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { serve } from './lib/serve.mjs';

const database = new URL(process.env.DATABASE_URL);
// This process is the peer of the jobs as well: nothing here may block it.
const psql = async (text, conninfo = database.href) => (await promisify(execFile)('psql', ['-qXAt', '-v', 'ON_ERROR_STOP=1', conninfo, '-c', text])).stdout.trim();
const headers = { authorization: `Bearer ${process.env.VYRICON_SECRET_KEY}` };
const held = []; // requests at /hold, answered when a test says so
let shim;
let peer;
let url;

const settings = { outbound_networks: "'127.0.0.0/8'", job_backoff: "'20ms'", job_timeout: "'20s'" };
const configure = async (value) => {
  for (const name of Object.keys(settings)) await psql(`ALTER SYSTEM ${value(name)}`);
  await psql('SELECT pg_reload_conf()');
};

before(async () => {
  await configure((name) => `SET vyricon.${name} = ${settings[name]}`);
  peer = createServer(async (request, response) => {
    if (request.url === '/hold') { held.push(response); return; }
    await sleep(Number(request.url.slice(1)));
    response.end('had it');
  }).listen(0, '127.0.0.1');
  await once(peer, 'listening');
  url = `http://127.0.0.1:${peer.address().port}`;
  shim = await serve(['--log', 'all']);
});

after(async () => {
  await shim.stop();
  peer.closeAllConnections();
  peer.close();
  await configure((name) => `RESET vyricon.${name}`);
  await psql('TRUNCATE vyricon.jobs, vyricon.tickets');
});

const enqueue = (path, when = 'now()') => psql(`SELECT vyricon.enqueue('http', '{"url":"${url}${path}"}', ${when})`);
const release = () => { for (const response of held.splice(0)) response.end('released'); };

function ask(path, { prefer, port = shim.port, agent, method = 'GET' } = {}) {
  const began = performance.now();
  let request;
  const answer = new Promise((done, fail) => {
    request = http.request({ host: '127.0.0.1', port, path, method, agent, headers: { ...headers, ...(prefer && { prefer }) } }, async (response) => {
      let body = '';
      for await (const chunk of response) body += chunk;
      done({ status: response.statusCode, headers: response.headers, body, ms: performance.now() - began, get json() { return JSON.parse(body); } });
    });
    request.on('error', fail);
    request.end();
  });
  answer.leave = () => request.destroy();
  return answer;
}
const wait = (id, seconds, more) => ask(`/jobs/v1/${id}`, { prefer: `wait=${seconds}`, ...more });
const parked = async (port = shim.admin) => Number(/^vyricon_parked (\d+)$/m.exec((await ask('/metrics', { port })).body)[1]);

async function until(condition, words, seconds = 10) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(20)) if (await condition()) return;
  assert.fail(`after ${seconds} s: ${words}`);
}

test('the answer comes when the job has ended', async () => {
  const answer = await wait(await enqueue('/300'), 10);
  assert.deepEqual([answer.status, answer.json.state, answer.json.answer], [200, 'done', 'had it']);
  assert.equal(answer.headers['preference-applied'], 'wait=10');
  assert.ok(answer.ms < 2000, `${answer.ms} ms`);
  assert.ok(answer.headers['x-request-id'] && answer.headers['x-content-type-options'] === 'nosniff');
  assert.deepEqual(Object.keys(answer.headers).filter((name) => name.startsWith('x-vyricon-shim')), []);
  assert.equal(await psql('SELECT count(*) FROM vyricon.tickets'), '0');
});

test('when the time is over, the answer is the state as it is', async () => {
  const id = await enqueue('/hold');
  const answer = await wait(id, 1);
  assert.deepEqual([answer.status, answer.json.state], [200, 'in_flight']);
  assert.ok(answer.ms >= 1000 && answer.ms < 3000, `${answer.ms} ms`);
  release();
  assert.equal((await wait(id, 10)).json.state, 'done');
});

test('who does not ask to wait, and whose job has ended, is answered at once', async () => {
  const id = await enqueue('/0', "now() + interval '1 hour'");
  const plain = await ask(`/jobs/v1/${id}`);
  assert.deepEqual([plain.json.state, plain.headers['preference-applied']], ['queued', undefined]);
  const ended = await enqueue('/0');
  await wait(ended, 10);
  const again = await wait(ended, 10);
  assert.deepEqual([again.json.state, again.headers['preference-applied']], ['done', 'wait=10']);
  assert.ok(plain.ms < 1000 && again.ms < 1000, `${plain.ms} and ${again.ms} ms`);
});

test('a job that fails has ended too, and HEAD waits as GET does', async () => {
  const [failed, head] = await Promise.all([wait(await psql(`SELECT vyricon.enqueue('http', '{"url":"http://127.0.0.1:1/","method":"GET"}')`), 1), wait(await enqueue('/300'), 10, { method: 'HEAD' })]);
  assert.equal(failed.status, 200);
  assert.deepEqual([head.status, head.body, head.headers['preference-applied']], [200, '', 'wait=10']);
});

test('no end is missed: 300 jobs that end while somebody comes to wait for them', async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 20 });
  const ids = (await psql(`SELECT vyricon.enqueue('http', '{"url":"${url}/0"}', now() + n * interval '5 milliseconds') FROM generate_series(1, 300) AS n`)).split('\n');
  const answers = await Promise.all(ids.map((id) => wait(id, 20, { agent })));
  assert.deepEqual(answers.map((answer) => answer.json.state).filter((state) => state !== 'done'), []);
  assert.ok(Math.max(...answers.map((answer) => answer.ms)) < 15000, 'nobody waited to the end of his time');
  agent.destroy();
});

test('a job that was due while its row was looked at goes as soon as somebody waits for it', async () => {
  // no other job wakes the worker
  await psql("DELETE FROM vyricon.jobs WHERE state = 'queued'");
  const id = await enqueue('/0', "now() + interval '300 milliseconds'");
  await psql(`BEGIN; SELECT status FROM vyricon.http('GET', '/jobs/v1/${id}', ARRAY['prefer', 'wait=5', 'authorization', '${headers.authorization}']); SELECT pg_sleep(0.8); COMMIT`);
  const answer = await wait(id, 20);
  assert.equal(answer.json.state, 'done');
  assert.ok(answer.ms < 5000, `${answer.ms} ms`);
});

test('50 that wait hold no database connection, and others are answered as fast as ever', async () => {
  const id = await enqueue('/hold');
  const waiting = Array.from({ length: 50 }, () => wait(id, 20));
  await until(async () => await parked() === 50, 'not all wait');
  assert.equal(await psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'vyricon_shim' AND (state <> 'idle' OR xact_start IS NOT NULL)"), '0');
  const others = [];
  for (let i = 0; i < 40; i++) others.push((await ask('/rest/v1/tours?limit=1')).ms);
  assert.ok(others.sort((a, b) => a - b)[20] < 50, `half of them took more than ${others[20]} ms`);
  release();
  for (const answer of await Promise.all(waiting)) assert.equal(answer.json.state, 'done');
  assert.equal(await parked(), 0);
});

test('a connection on which a client has waited is used again', async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (let i = 0; i < 3; i++) assert.equal((await wait(await enqueue('/50'), 10, { agent })).json.state, 'done');
  assert.equal((await ask('/rest/v1/tours?limit=1', { agent })).status, 200);
  agent.destroy();
});

test('a client that leaves is forgotten', async () => {
  const id = await enqueue('/hold');
  const left = Array.from({ length: 5 }, () => wait(id, 20));
  await until(async () => await parked() === 5, 'not all wait');
  for (const one of left) one.leave();
  await Promise.allSettled(left);
  await until(async () => await parked() === 0, 'some still wait');
  release();
  assert.equal((await wait(id, 10)).json.state, 'done');
});

test('of a job that was cancelled the client hears at the end of his time', async () => {
  const id = await enqueue('/0', "now() + interval '1 hour'");
  const answer = wait(id, 1);
  await until(async () => await parked() === 1, 'he does not wait');
  await psql(`SELECT vyricon.cancel(${id})`);
  assert.equal((await answer).json.state, 'cancelled');
});

test('waiting is in the log, and not in the histogram', async () => {
  const total = async () => Number(/^vyricon_request_seconds_sum (\S+)$/m.exec((await ask('/metrics', { port: shim.admin })).body)[1]);
  const id = await enqueue('/hold');
  const began = await total();
  const answer = await wait(id, 2);
  await until(() => shim.log().includes(answer.headers['x-request-id']), 'no line in the log');
  const line = shim.log().split('\n').find((text) => text.includes(answer.headers['x-request-id']));
  assert.ok(JSON.parse(line).ms >= 2000, line);
  assert.ok(await total() - began < 1, `${await total() - began} s`);
  release();
});

test('where a tenth of the connections wait already, the next one is answered at once', async () => {
  const small = await serve(['--connections', '30']);
  const id = await enqueue('/hold');
  const waiting = Array.from({ length: 3 }, () => wait(id, 20, small));
  await until(async () => await parked(small.admin) === 3, 'not all wait');
  const answer = await wait(id, 20, small);
  assert.ok(answer.status === 200 && answer.json.state === 'in_flight' && answer.ms < 5000, `${answer.body} after ${answer.ms} ms`);
  release();
  for (const one of await Promise.all(waiting)) assert.equal(one.json.state, 'done');
  assert.equal(await small.stop(), 0);
});

test('a server that stops answers those who wait with what there is', async () => {
  const own = await serve();
  const id = await enqueue('/hold');
  const waiting = Array.from({ length: 5 }, () => wait(id, 20, own));
  await until(async () => await parked(own.admin) === 5, 'not all wait');
  const stopped = own.stop();
  for (const answer of await Promise.all(waiting)) assert.deepEqual([answer.status, answer.json.state, answer.headers.connection], [200, 'in_flight', 'close']);
  assert.equal(await stopped, 0);
  release();
});

test('a forged ticket is refused, and one that was used too, though the shim\'s own role asks', async () => {
  const direct = async (statement) => psql(statement, `host=${await psql('SHOW unix_socket_directories')} port=${database.port} dbname=${database.pathname.slice(1)} user=vyricon_shim`);
  // A packed GET / without a credential, as extension/base/wire.h lays it out; the status stands behind the padding of the answer.
  const packed = `01${'00'.repeat(17)}0003${Buffer.from('GET').toString('hex')}000000012f000000000000`;
  const status = async (ticket) => Number(await direct(`SELECT get_byte(a, get_byte(a, 0) + 1) * 256 + get_byte(a, get_byte(a, 0) + 2) FROM vyricon.http_resume('\\x${packed}', '${ticket}', true) AS a`));
  const id = await enqueue('/0', "now() + interval '1 hour'");
  const real = (await psql(`SELECT a.headers[array_position(a.headers, 'x-vyricon-shim-wait') + 1] FROM vyricon.http('GET', '/jobs/v1/${id}', ARRAY['prefer', 'wait=5', 'authorization', '${headers.authorization}']) AS a`)).split(' ')[0];
  const [number, secret] = real.split('.');
  for (const forged of ['', '1', `${number}.`, `${number}.${'0'.repeat(64)}`, `${number}.${secret.slice(1)}`, `${Number(number) + 1}.${secret}`]) assert.equal(await status(forged), 404, forged);
  assert.equal(await status(real), 200);
  assert.equal(await status(real), 404);
  await assert.rejects(direct('SELECT FROM vyricon.tickets'), /permission denied/);
});

test('who waits while the database crashes and restarts is answered when his job has ended after it', async () => {
  const id = await enqueue('/100', "now() + interval '1 hour'");
  const waiting = Array.from({ length: 10 }, () => wait(id, 30));
  await until(async () => await parked() === 10, 'not all wait');
  // the cluster of the tests writes its log late: what a crash must not lose is flushed here
  await psql("SET synchronous_commit = on; SELECT pg_logical_emit_message(true, 'test', 'flush')");
  const victim = psql("SELECT pg_sleep(60) /* to be killed */");
  victim.catch(() => {});
  const pid = () => psql("SELECT pid FROM pg_stat_activity WHERE query LIKE '%to be killed%' AND pid <> pg_backend_pid()");
  await until(pid, 'nobody to kill');
  const started = await psql('SELECT pg_postmaster_start_time()');
  process.kill(Number(await pid()), 'SIGKILL');
  await assert.rejects(victim);
  const retried = () => psql(`SELECT vyricon.retry(${id})`).catch(() => '');
  await until(async () => await retried() === 't', 'the database is not back', 30);
  assert.equal(await psql('SELECT pg_postmaster_start_time()'), started);
  for (const answer of await Promise.all(waiting)) assert.deepEqual([answer.status, answer.json.state], [200, 'done'], answer.body);
  await until(async () => (await ask('/rest/v1/tours?limit=1', { port: new URL(process.env.VYRICON_URL).port }).catch(() => ({}))).status === 200, 'the other shim does not serve again');
});

test('without a database those who wait are answered 503 when their time is over', async () => {
  const own = await serve(['--queue-wait', '200']);
  const id = await enqueue('/0', "now() + interval '1 hour'");
  const waiting = Array.from({ length: 3 }, () => wait(id, 2, own));
  await until(async () => await parked(own.admin) === 3, 'not all wait');
  try {
    await psql('ALTER ROLE vyricon_shim CONNECTION LIMIT 0');
    await psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'vyricon_shim'");
    for (const answer of await Promise.all(waiting)) assert.equal(answer.status, 503);
  } finally { await psql('ALTER ROLE vyricon_shim CONNECTION LIMIT -1'); }
  await until(async () => (await ask('/rest/v1/tours?limit=1', own)).status === 200, 'it does not serve again');
  assert.equal(await own.stop(), 0);
});
