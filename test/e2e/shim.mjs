// The shim alone: its own `vyricon serve` in front of a database that does what the target says (shim.sql).
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './lib/process.mjs';
import { exchange } from './lib/raw.mjs';

const database = `shim_${process.pid}`;
const conninfo = process.env.DATABASE_URL.replace(/\/[^/?]*(\?|$)/, `/${database}$1`);
const psql = async (db, ...args) => {
  const { status, out, err } = await run('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', db, ...args]);
  assert.equal(status, 0, err);
  return out.trim();
};
const sql = (text) => psql(conninfo, '-c', text);
const terminateAll = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'vyricon'";
const running = new Set();

// A `vyricon serve` of one's own.
class Shim {
  static async start(flags = [], env = {}) {
    const shim = new Shim();
    shim.text = '';
    shim.child = spawn(process.env.VYRICON_BIN, ['serve', '--port', '0', '--admin-port', '0', '--database', conninfo, ...flags], { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
    shim.ended = new Promise((done) => { shim.child.on('close', (status, signal) => done(signal ?? status)); });
    running.add(shim);
    shim.child.stderr.on('data', (data) => { shim.text += data; shim.heard?.(); });
    await shim.says((lines) => lines.some((line) => line.event === 'admin'));
    shim.port = shim.lines.find((line) => line.event === 'serving').port;
    shim.admin = shim.lines.find((line) => line.event === 'admin').port;
    return shim;
  }

  get lines() { return this.text.split('\n').slice(0, -1).map((line) => JSON.parse(line)); }

  async says(good) {
    const heard = new Promise((done) => { this.heard = () => { if (good(this.lines)) done(); }; this.heard(); });
    const over = this.ended.then((status) => { throw new Error(`ended (${status}): ${this.text}`); });
    over.catch(() => {});
    await Promise.race([heard, over]);
  }

  async ready() {
    for (;;) {
      const { status } = await this.ask('/ready', { port: this.admin });
      if (status === 200) return this;
    }
  }

  ask(path, { method = 'GET', headers = {}, body, port = this.port, agent } = {}) {
    return new Promise((resolve, reject) => {
      const began = performance.now();
      const request = http.request({ host: '127.0.0.1', port, path, method, headers, agent }, (response) => {
        const chunks = [];
        response.on('data', (data) => chunks.push(data));
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks), ms: performance.now() - began, json() { return JSON.parse(this.body.toString()); } }));
        response.on('error', reject);
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  async memory() {
    return Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${this.child.pid}/status`, 'utf8'))[1]) / 1024;
  }

  stop(signal = 'SIGTERM') {
    this.child.kill(signal);
    return this.ended;
  }
}

let shim;

before(async () => {
  await psql(process.env.DATABASE_URL, '-c', `CREATE DATABASE ${database}`);
  await psql(conninfo, '-f', new URL('shim.sql', import.meta.url).pathname);
  shim = await (await Shim.start()).ready();
});

after(async () => {
  for (const one of running) await one.stop();
  await psql(process.env.DATABASE_URL, '-c', `DROP DATABASE ${database} WITH (FORCE)`);
});

test('method, raw target, headers in lower case, peer and body reach the database', async () => {
  const body = 'ä'.repeat(1000);
  const answer = await shim.ask('/a?b=c+d&e=%26=f', { method: 'POST', headers: { 'X-Mixed': 'Value' }, body });
  const got = answer.json();
  assert.equal(answer.status, 200);
  assert.equal(got.method, 'POST');
  assert.equal(got.target, '/a?b=c+d&e=%26=f');
  assert.equal(got.headers['x-mixed'], 'Value');
  assert.equal(got.peer, '127.0.0.1');
  assert.equal(got.md5, createHash('md5').update(body).digest('hex'));
});

test('headers come as the database wrote them, and none begins another', async () => {
  const { headers, body } = await shim.ask('/heads/good');
  assert.deepEqual([headers['x-request-id'], headers['x-utf8'], headers['x-last'], headers['x-empty'], body.toString()], ['heads', Buffer.from('tür').toString('latin1'), 'b', undefined, 'body']);
  assert.equal((await shim.ask('/heads/length')).body.toString(), 'body');
  for (const bad of ['crlf', 'lf', 'name']) {
    const answer = await shim.ask(`/heads/${bad}`);
    assert.equal(answer.status, 500, bad);
    assert.equal(answer.headers['x-evil'], undefined, bad);
  }
});

test('headers for the shim do not leave it, the others do', async () => {
  const { headers } = await shim.ask('/');
  assert.deepEqual(Object.keys(headers).filter((name) => name.startsWith('x-vyricon-shim')), []);
  assert.equal(headers.etag, '"e"');
  assert.equal(headers['content-type'], 'application/json');
});

for (const length of [0, 1, 2047, 65536, 1 << 20, 6 << 20])
  test(`a body of ${length} bytes arrives whole`, async () => {
    const body = Buffer.alloc(length, 'abcdefg');
    const got = (await shim.ask('/', { method: 'PUT', body, headers: { 'content-length': length } })).json();
    assert.equal(got.length, length);
    assert.equal(got.md5, createHash('md5').update(body).digest('hex'));
  });

// The numbers of tickets are read from the targets here, so each test has its own.
const written = (number) => sql(`SELECT string_agg(id, ', ') FROM vyricon.written WHERE id ~ '\\m${number}\\M'`);
const tell = (number) => sql(`SELECT pg_notify('vyricon_wait', '${number}')`);

test('who has more to wait for goes on until his time is over', async () => {
  const began = performance.now();
  const answer = shim.ask('/wait/3/1500');
  while (!(await written(3))?.includes('resumed 3.secret false')) await tell(3);
  assert.equal((await answer).body.toString(), '3.secret true');
  assert.ok(performance.now() - began >= 1500);
  assert.match(await written(3), /resumed 3.secret true$/);
});

test('who was answered with a ticket waits until it is named, and what he sent is not sent again', async () => {
  const answer = shim.ask('/wait/2/20000', { method: 'POST', body: 'x' });
  while (await written(2) !== 'asked 2') await new Promise((done) => { setTimeout(done, 10); });
  await tell(2);
  assert.deepEqual([(await answer).status, (await answer).body.toString()], [200, '2.secret false']);
  assert.equal(await written(2), 'asked 2, resumed 2.secret false');
});

test('after the connection that listens was lost, everybody is asked about', async () => {
  const answer = shim.ask('/wait/5/3000');
  while (!(await written(5))?.includes('resumed')) await tell(5);
  const before = await written(5);
  await sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'");
  while (await written(5) === before) await new Promise((done) => { setTimeout(done, 10); });
  assert.match(await written(5), /resumed 5.secret false$/);
  assert.equal((await answer).body.toString(), '5.secret true');
});

test('a notification that overtakes the answer is not lost', async () => {
  const before = shim.ask('/wait/4/20000');
  while (!(await written(4))) await new Promise((done) => { setTimeout(done, 10); });
  await tell(6);
  while (!(await written(4)).includes('resumed')) await tell(4);
  await before;
  const answer = await shim.ask('/wait/6/20000');
  assert.equal(answer.body.toString(), '6.secret false');
  assert.ok(answer.ms < 5000, `${answer.ms} ms`);
});

test('a request id is kept if it is one, and made otherwise', async () => {
  for (const id of ['a', 'A-9', 'x'.repeat(64)]) assert.equal((await shim.ask('/', { headers: { 'x-request-id': id } })).headers['x-request-id'], id);
  const made = new Set();
  for (const id of [undefined, 'a b', 'x'.repeat(65), 'a_b']) {
    const answer = await shim.ask('/', { headers: id ? { 'x-request-id': id } : {} });
    assert.match(answer.headers['x-request-id'], /^[0-9a-f]{32}$/);
    assert.equal(answer.json().headers['x-request-id'], answer.headers['x-request-id']);
    made.add(answer.headers['x-request-id']);
  }
  assert.equal(made.size, 4);
});

test('HEAD has the headers of the answer and no body', async () => {
  const { answers, rest } = await exchange(shim.port, 'HEAD /big/1000 HTTP/1.1\r\nHost: h\r\n\r\nHEAD /big/10 HTTP/1.1\r\nHost: h\r\n\r\n', { want: 2, heads: 2 });
  assert.deepEqual(answers.map((answer) => answer.headers['content-length']), ['1000', '10']);
  assert.equal(rest.length, 0);
});

test('204 and 304 have no body', async () => {
  for (const status of [204, 304]) {
    const answer = await shim.ask(`/status/${status}`);
    assert.equal(answer.status, status);
    assert.equal(answer.body.length, 0);
  }
});

test('a connection serves many requests, also those sent ahead', async () => {
  const heads = Array.from({ length: 50 }, (_, i) => `GET /n?${i} HTTP/1.1\r\nHost: h\r\n\r\n`).join('');
  const { answers } = await exchange(shim.port, heads, { want: 50 });
  assert.deepEqual(answers.map((answer) => JSON.parse(answer.body).target), Array.from({ length: 50 }, (_, i) => `/n?${i}`));
});

test('an error is worded by http_failed()', async () => {
  const answer = await shim.ask('/raise/23505');
  assert.equal(answer.status, 409);
  assert.deepEqual(answer.json(), ['23505', 'raised on purpose', null, 'do not', null, null, null, null]);
});

test('an error at commit is an error, though the row came first', async () => {
  const answer = await shim.ask('/commit', { method: 'POST' });
  assert.equal(answer.status, 409);
  assert.equal(answer.json()[0], '23505');
  assert.equal(answer.json()[5], 'deferred');
});

test('security item 85: when http_failed() fails, the answer is a fixed 500 with the request id', async () => {
  const answer = await shim.ask('/raise/P0099', { headers: { 'x-request-id': 'mine' } });
  assert.equal(answer.status, 500);
  assert.deepEqual(answer.json(), { code: 'internal_error', message: 'internal error', request_id: 'mine' });
});

test('security item 87: a broken answer of the database is a fixed 500', async () => {
  assert.equal((await shim.ask('/broken')).status, 500);
});

test('a serialization failure is repeated three times, not more', async () => {
  await sql("SELECT setval('vyricon.tries', 4)");
  assert.equal((await shim.ask('/conflict/3', { method: 'POST' })).status, 200);
  await sql("SELECT setval('vyricon.tries', 5)");
  const answer = await shim.ask('/conflict/4', { method: 'POST' });
  assert.equal(answer.json()[0], '40001');
});

test('a connection lost under a read is replaced, and the read repeated once', async () => {
  const answer = await shim.ask('/kill');
  assert.equal(answer.status, 503);
  assert.equal(answer.json().code, 'database_unavailable');
  assert.equal((await shim.ask('/')).status, 200);
});

test('a connection lost under a write is outcome_unknown', async () => {
  const answer = await shim.ask('/kill', { method: 'POST' });
  assert.equal(answer.status, 503);
  assert.equal(answer.json().code, 'outcome_unknown');
});

test('security item 87: when all backends are terminated under load there are only 200 and 503, right answers, and no write twice', async () => {
  await sql('TRUNCATE vyricon.written');
  const agent = new http.Agent({ keepAlive: true, maxSockets: 24 });
  let stop = false;
  const seen = { 200: 0, 503: 0 };
  const worker = async (n) => {
    for (let i = 0; !stop; i++) {
      const path = `/${n % 2 ? 'write' : 'read'}/${n}/${i}`;
      const answer = await shim.ask(path, { method: n % 2 ? 'POST' : 'GET', agent });
      assert.ok(answer.status in seen, `${answer.status} ${answer.body}`);
      seen[answer.status]++;
      if (answer.status === 200) assert.equal(answer.json().target, path);
      else assert.match(answer.json().code, /^(database_unavailable|outcome_unknown|overloaded)$/);
    }
  };
  const workers = Array.from({ length: 24 }, (_, n) => worker(n));
  for (let i = 0; i < 5; i++) {
    const before = seen[200];
    while (seen[200] < before + 50) await new Promise((done) => setImmediate(done));
    await sql(terminateAll);
  }
  const before = seen[200];
  while (seen[200] < before + 100) await new Promise((done) => setImmediate(done));
  stop = true;
  await Promise.all(workers);
  agent.destroy();
  assert.equal(await sql('SELECT count(*) FROM (SELECT FROM vyricon.written GROUP BY id HAVING count(*) > 1) twice'), '0');
});

test('fast requests pass slow ones that already run', async () => {
  const slow = Array.from({ length: 6 }, () => shim.ask('/sleep/1000'));
  await new Promise((done) => { setTimeout(done, 100); });
  const times = await Promise.all(Array.from({ length: 20 }, async (_, i) => (await shim.ask(`/fast/${i}`)).ms));
  assert.ok(Math.max(...times) < 700, `${Math.max(...times)} ms`);
  for (const answer of await Promise.all(slow)) assert.equal(answer.status, 200);
});

test('what does not fit the queue is 503 with Retry-After at once; what waits too long is 503 later', async () => {
  const small = await (await Shim.start(['--pool', '1', '--queue', '4', '--queue-wait', '300'])).ready();
  const answers = await Promise.all(Array.from({ length: 20 }, () => small.ask('/sleep/700', { method: 'POST' })));
  const by = (good) => answers.filter(good);
  const served = by((answer) => answer.status === 200).length;
  // behind a statement that has run for 5 ms nothing is sent: on a busy machine fewer than three are there in time
  assert.ok(served >= 1 && served <= 3, `${served} served`);
  const refused = by((answer) => answer.status === 503);
  assert.equal(refused.length, 20 - served);
  for (const answer of refused) {
    assert.equal(answer.headers['retry-after'], '1');
    assert.equal(answer.json().code, 'overloaded');
  }
  assert.equal(by((answer) => answer.status === 503 && answer.ms >= 290).length, 4);
  assert.equal(await small.stop(), 0);
});

test('of one address only so many connections are served', async () => {
  const few = await (await Shim.start(['--connections-per-address', '3'])).ready();
  const ask = (agent) => new Promise((resolve) => {
    const request = http.request({ host: '127.0.0.1', port: few.port, path: '/openapi.json', agent }, (answer) => { answer.resume(); answer.on('end', () => resolve(answer.statusCode)); });
    request.on('error', (error) => resolve(error.code));
    request.end();
  });
  const agents = Array.from({ length: 5 }, () => new http.Agent({ keepAlive: true, maxSockets: 1 }));
  const answers = [];
  for (const agent of agents) answers.push(await ask(agent));
  assert.equal(answers.filter((status) => status === 200).length, 3, answers.join());
  agents.forEach((agent) => agent.destroy());
  assert.equal(await few.stop(), 0);
});

test('four answers of 30 MiB at once keep below 200 MiB, and the memory goes back', async () => {
  let most = 0;
  let stop = false;
  const watch = (async () => { while (!stop) { most = Math.max(most, await shim.memory()); await new Promise((done) => setImmediate(done)); } })();
  const answers = await Promise.all(Array.from({ length: 4 }, () => shim.ask(`/big/${30 << 20}`)));
  stop = true;
  await watch;
  for (const answer of answers) assert.equal(answer.body.length, 30 << 20);
  assert.ok(most < 200, `${most} MiB`);
  await shim.ask('/');
  assert.ok(await shim.memory() < 40, `${await shim.memory()} MiB left`);
});

test('a head, a body and an idle connection have absolute deadlines', async () => {
  const hasty = await (await Shim.start(['--head-timeout', '300', '--body-timeout', '400', '--idle-timeout', '500'])).ready();
  const drip = (first, each) => new Promise((resolve) => {
    const socket = net.connect(hasty.port, '127.0.0.1');
    const began = performance.now();
    const timer = setInterval(() => socket.write(each), 50);
    socket.write(first);
    socket.on('data', () => {});
    socket.on('error', () => {});
    socket.on('close', () => { clearInterval(timer); resolve(performance.now() - began); });
  });
  const times = await Promise.all([
    drip('GET / HTTP/1.1\r\nHost: h\r\nX-A: ', 'a'),
    drip('', 'G'),
    drip('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n', 'a'),
    drip('GET / HTTP/1.1\r\nHost: h\r\n\r\n', ''),
  ]);
  for (const [i, least] of [300, 300, 400, 500].entries()) assert.ok(times[i] >= least - 5 && times[i] < least + 1500, `${times}`);
  assert.equal((await hasty.ask('/sleep/800')).status, 200);
  assert.equal(await hasty.stop(), 0);
});

test('SIGTERM finishes what is in flight, takes nothing new and ends with 0', async () => {
  const one = await (await Shim.start()).ready();
  const slow = one.ask('/sleep/500', { method: 'POST' });
  await new Promise((done) => { setTimeout(done, 100); });
  const idle = new Promise((done) => { const socket = net.connect(one.port, '127.0.0.1', () => one.stop()); socket.on('close', done); socket.on('error', () => {}); });
  const answer = await slow;
  assert.equal(answer.status, 200);
  assert.equal(await one.ended, 0);
  await idle;
  await assert.rejects(one.ask('/'));
});

test('what is not finished when the drain time is over is 503', async () => {
  const one = await (await Shim.start(['--drain-timeout', '200'])).ready();
  const read = one.ask('/sleep/3000');
  const write = one.ask('/sleep/3000', { method: 'POST' });
  await new Promise((done) => { setTimeout(done, 100); });
  one.stop();
  assert.equal((await read).status, 503);
  assert.equal((await write).json().code, 'outcome_unknown');
  assert.equal(await one.ended, 0);
});

test('security item 86: without a database requests wait a little, then are 503; when it is there they are answered', async () => {
  const { port } = await new Promise((done) => { const server = net.createServer().listen(0, '127.0.0.1', () => { const address = server.address(); server.close(() => done(address)); }); });
  const lost = await Shim.start(['--queue-wait', '300', '--database', `host=127.0.0.1 port=${port} dbname=x`]);
  const answer = await lost.ask('/');
  assert.equal(answer.status, 503);
  assert.equal(answer.json().code, 'database_unavailable');
  assert.ok(answer.ms >= 290 && answer.ms < 2000, `${answer.ms} ms`);
  assert.equal((await lost.ask('/ready', { port: lost.admin })).status, 503);
  assert.equal((await lost.ask('/live', { port: lost.admin })).status, 200);
  assert.equal(await lost.stop(), 0);
});

test('a database without the extension is 503 not_ready at once, with the command to run', async () => {
  const bare = await Shim.start(['--database', conninfo.replace(database, 'template1')]);
  await bare.says((lines) => lines.some((line) => line.event === 'database_unavailable'));
  const answer = await bare.ask('/');
  assert.equal(answer.status, 503);
  assert.equal(answer.json().code, 'not_ready');
  assert.match(answer.json().message, /vyricon init/);
  assert.equal(await bare.stop(), 0);
});

test('a proxy that is trusted names its client, another one does not', async () => {
  const headers = { 'x-forwarded-for': '1.1.1.1, 198.51.100.7', 'x-forwarded-proto': 'https' };
  const plain = (await shim.ask('/', { headers })).json();
  assert.equal(plain.peer, '127.0.0.1');
  assert.equal(plain.headers['x-forwarded-for'], undefined);
  const behind = await (await Shim.start(['--trusted-proxies', '10.0.0.0/8, 127.0.0.1'])).ready();
  const proxied = (await behind.ask('/', { headers })).json();
  assert.equal(proxied.peer, '198.51.100.7');
  assert.equal(proxied.headers['x-forwarded-proto'], 'https');
  assert.equal(await behind.stop(), 0);
});

test('files of the static folder are served with types and ETags, and nothing outside it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vyricon-static-'));
  await writeFile(join(folder, 'index.html'), '<p>page</p>');
  await writeFile(join(folder, 'app.js'), 'let a;');
  await writeFile(join(folder, '.hidden'), 'no');
  await writeFile(join(folder, 'large.bin'), Buffer.alloc(3 << 20, 'z'));
  const one = await (await Shim.start(['--static', folder])).ready();
  const page = await one.ask('/');
  assert.equal(page.body.toString(), '<p>page</p>');
  assert.match(page.headers['content-security-policy'], /^default-src 'self'/);
  assert.equal(page.headers['content-type'], 'text/html; charset=utf-8');
  assert.equal(page.headers['cache-control'], 'no-cache');
  assert.equal((await one.ask('/app.js')).headers['content-type'], 'text/javascript; charset=utf-8');
  assert.equal((await one.ask('/', { headers: { 'if-none-match': page.headers.etag } })).status, 304);
  assert.equal((await one.ask('/large.bin')).body.length, 3 << 20);
  assert.equal((await exchange(one.port, 'HEAD /app.js HTTP/1.1\r\nHost: h\r\n\r\n', { heads: 1 })).answers[0].headers['content-length'], '6');
  for (const path of ['/.hidden', '/nothing', '/app.js/', '/index.html/x']) assert.equal((await one.ask(path)).headers.etag, '"e"', path);
  assert.equal((await one.ask('/app.js', { method: 'POST' })).json().method, 'POST');
  await writeFile(join(folder, 'app.js'), 'let b = 1;');
  await writeFile(join(folder, 'new.txt'), 'new');
  one.child.kill('SIGHUP');
  await one.says((lines) => lines.some((line) => line.event === 'reloaded'));
  assert.equal((await one.ask('/app.js')).body.toString(), 'let b = 1;');
  assert.equal((await one.ask('/new.txt')).body.toString(), 'new');
  assert.equal(await one.stop(), 0);
  await rm(folder, { recursive: true });
});

test('the log has one JSON line for each request, without query, token or body', async () => {
  const one = await (await Shim.start()).ready();
  await one.ask('/logged?secret=1', { method: 'POST', headers: { authorization: 'Bearer secret', 'x-request-id': 'logged' }, body: 'secret' });
  await exchange(one.port, 'GET /bad"\x01path HTTP/1.1\r\nHost: h\r\n\r\n');
  assert.equal(await one.stop(), 0);
  const line = one.lines.find((entry) => entry.id === 'logged');
  assert.deepEqual(Object.keys(line), ['ts', 'id', 'method', 'path', 'status', 'ms', 'bytes', 'peer']);
  assert.equal(line.path, '/logged');
  assert.equal(line.status, 200);
  assert.ok(!one.text.includes('secret'));
  assert.ok(one.lines.some((entry) => entry.path === '/bad"\x01path' && entry.status === 400));
});

test('metrics count requests, refusals and connections', async () => {
  const { body, headers } = await shim.ask('/metrics', { port: shim.admin });
  assert.match(headers['content-type'], /^text\/plain; version=0\.0\.4/);
  const value = (name) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(body.toString())[1]);
  assert.ok(value('vyricon_requests_total\\{status="2xx"\\}') > 0);
  const refused = async (code) => Number(new RegExp(`^vyricon_refused_total\\{code="${code}"\\} (\\S+)$`, 'm').exec((await shim.ask('/metrics', { port: shim.admin })).body.toString())[1]);
  const before = [await refused('bad_target'), await refused('version_not_supported'), await refused('overloaded')];
  await shim.ask('/a%00b');
  for (const head of ['GET / HTTP/2.0\r\nHost: h\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\n']) await exchange(shim.port, head);
  assert.deepEqual([await refused('bad_target'), await refused('version_not_supported'), await refused('overloaded')], [before[0] + 1, before[1] + 2, before[2]]);
  assert.ok(value('vyricon_connections_ready') > 0);
  assert.ok(value('vyricon_connections_lost_total') > 0);
  assert.equal(value('vyricon_request_seconds_count'), value('vyricon_request_seconds_bucket\\{le="\\+Inf"\\}'));
  assert.equal((await shim.ask('/other', { port: shim.admin })).status, 404);
});

test('two loops serve one port', async () => {
  const two = await (await Shim.start(['--loops', '2', '--pool', '2'])).ready();
  for (const answer of await Promise.all(Array.from({ length: 40 }, (_, i) => two.ask(`/n?${i}`)))) assert.equal(answer.status, 200);
  assert.equal(await two.stop(), 0);
});

test('options come from flags, then the environment, then files, and are checked', async () => {
  const file = join(tmpdir(), `vyricon-conninfo-${process.pid}`);
  await writeFile(file, `${conninfo}\n`);
  const env = { ...process.env, VYRICON_DATABASE_FILE: file };
  const status = await run(process.env.VYRICON_BIN, ['status'], { env });
  assert.match(status.out, /^ready: yes$/m);
  assert.notEqual((await run(process.env.VYRICON_BIN, ['status'], { env: { ...env, VYRICON_DATABASE: 'host=127.0.0.1 port=1' } })).status, 0);
  for (const bad of [['serve', '--port', '70000'], ['serve', '--port', 'x'], ['serve', '--nothing', '1'], ['serve', '--port'], ['serve', 'x'], ['nothing'], ['serve', '--log', 'some'], ['serve', '--trusted-proxies', 'x'], ['token']])
    assert.equal((await run(process.env.VYRICON_BIN, bad)).status, 2, bad.join(' '));
  assert.equal((await run(process.env.VYRICON_BIN, ['serve'], { env: { ...process.env, VYRICON_POOL: '0' } })).status, 2);
  assert.match((await run(process.env.VYRICON_BIN, ['help'])).out, /--queue-wait MS/);
  assert.match((await run(process.env.VYRICON_BIN, ['version'])).out, /^vyricon \d/);
  await rm(file);
});
