// Events from commit to listener: told by the worker alone, once per batch and kind, in an order in which nobody misses one; and metrics.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

const database = process.env.DATABASE_URL;
const sql = (text) => execFileSync('psql', ['-qXAt', '-v', 'ON_ERROR_STOP=1', database], { input: text, encoding: 'utf8' }).trim();
const lines = (text) => sql(text).split('\n').filter(Boolean);
const set = (all) => sql(`${Object.entries(all).map(([name, value]) => `ALTER SYSTEM ${value === null ? `RESET vyricon.${name}` : `SET vyricon.${name} = '${value}'`};`).join('\n')} SELECT pg_reload_conf();`);
const settings = { outbound_networks: '127.0.0.0/8', job_backoff: '500ms', job_backoff_max: '500ms' };
let peer;
let url;
let listener;

async function until(condition, seconds, words = () => 'it did not happen') {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(20)) if (await condition()) return;
  assert.fail(`after ${seconds} s: ${words()}`);
}

// A psql that stays, so that a transaction can stay open and a LISTEN can hear; it tells of notifications after each statement.
class Session {
  static all = [];

  constructor() {
    Session.all.push(this);
    this.text = '';
    this.asked = 0;
    this.child = spawn('psql', ['-qXAt', database], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.child.stdout.on('data', (data) => { this.text += data; });
  }

  async run(statement) {
    const end = `end of statement ${++this.asked}`;
    const from = this.text.length;
    this.child.stdin.write(`${statement};\n\\echo ${end}\n`);
    await until(() => this.text.includes(`${end}\n`), 20, () => statement);
    return this.text.slice(from, this.text.indexOf(`${end}\n`)).trim();
  }

  // What it heard, with the process that said it.
  async heard() {
    await this.run('SELECT');
    return [...this.text.matchAll(/^Asynchronous notification "vyricon" with payload "(.*)" received from server process with PID (\d+)\.$/gm)]
      .map(([, payload, pid]) => ({ ...JSON.parse(payload), pid }));
  }

  end() {
    this.child.stdin.end();
    return once(this.child, 'close');
  }
}

const worker = () => sql('SELECT pid FROM vyricon.stat_workers WHERE datname = current_database()');
const last = () => Number(sql('SELECT vyricon.last_event()'));
const since = (id) => JSON.parse(sql(`SELECT coalesce(json_agg(json_build_array(id, kind, ref) ORDER BY id), '[]') FROM vyricon.events_since(${id})`));
const waiting = (n = 1) => lines(`SELECT vyricon.enqueue('http', '{"url":"${url}/"}', now() + interval '1 hour') FROM generate_series(1, ${n})`);
// What is heard of the events after an id, once it is as much as this: a commit is visible before it is told.
async function news(from, n) {
  let heard;
  await until(async () => (heard = (await listener.heard()).filter(({ tick }) => tick > from)).length >= n, 5, () => `${heard.length} of ${n} notifications`);
  return heard;
}

before(async () => {
  set(settings);
  peer = createServer((request, response) => {
    const status = Number(request.url.slice(1));
    if (status) response.writeHead(status).end();
    else request.socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(peer, 'listening');
  url = `http://127.0.0.1:${peer.address().port}`;
  listener = new Session();
  await listener.run('LISTEN vyricon');
});

after(() => {
  for (const session of Session.all) session.child.kill(); // those of a test that failed are open still
  set(Object.fromEntries(Object.keys(settings).map((name) => [name, null])));
  sql('TRUNCATE vyricon.jobs');
  peer.closeAllConnections();
  peer.close();
});

test('each end of a job is an event: the worker notifies after the commit, by ids only, and events_since() tells which job', async () => {
  const from = last();
  const ends = { '/200': 'job.done', '/422': 'job.failed', '/lost': 'job.unknown' };
  const jobs = Object.keys(ends).map((path) => sql(`SELECT vyricon.enqueue('http', '{"url":"${url}${path}"}')`));
  const [cancelled] = waiting();
  sql(`SELECT vyricon.cancel(${cancelled})`);
  await until(() => since(from).length === 4, 10, () => JSON.stringify(since(from)));
  const byRef = Object.fromEntries(since(from).map(([, kind, ref]) => [ref, kind]));
  assert.deepEqual(byRef, { ...Object.fromEntries(jobs.map((job, n) => [job, Object.values(ends)[n]])), [cancelled]: 'job.cancelled' });
  const heard = await news(from, 4);
  assert.deepEqual(heard.map(({ kind }) => kind).sort(), [...Object.values(ends), 'job.cancelled'].sort());
  for (const { pid, ...payload } of heard) {
    assert.equal(pid, worker());
    assert.deepEqual(Object.keys(payload), ['v', 'kind', 'id', 'tick']);
    assert.equal(payload.v, 1);
    assert.equal(since(payload.id - 1)[0][1], payload.kind);
  }
  assert.equal(Math.max(...heard.map(({ tick }) => tick)), last());
});

test('a job that is tried again, and one whose cancel was rolled back, are no events', async () => {
  const from = last();
  const [kept] = waiting();
  sql(`BEGIN; SELECT vyricon.cancel(${kept}); ROLLBACK;`);
  const job = sql(`SELECT vyricon.enqueue('http', '{"url":"${url}/503","method":"PUT"}')`);
  await until(() => Number(sql(`SELECT attempts FROM vyricon.jobs WHERE id = ${job}`)) >= 2, 10);
  assert.deepEqual(since(from), []);
  await until(() => sql(`SELECT vyricon.cancel(${job})`) === 't', 5);
  await until(() => since(from).length > 0, 10);
  assert.deepEqual(since(from).map(([, kind, ref]) => [kind, ref]), [['job.cancelled', job]]);
});

test('while nobody can announce jobs are done all the same; then each kind is one notification, with its highest id', async () => {
  const jobs = waiting(50);
  const from = last();
  const holder = new Session();
  await holder.run('BEGIN');
  await holder.run('SELECT FROM vyricon.event_counter FOR UPDATE');
  for (const job of jobs) sql(`SELECT vyricon.cancel(${job})`);
  const done = sql(`SELECT vyricon.enqueue('http', '{"url":"${url}/200"}')`);
  await until(() => sql(`SELECT state FROM vyricon.jobs WHERE id = ${done}`) === 'done', 10);
  assert.deepEqual(since(from), []);
  await holder.run('COMMIT');
  await holder.end();
  sql('SELECT vyricon.cancel(0)'); // rings
  await until(() => since(from).length === 51, 10, () => `${since(from).length} of 51`);
  assert.deepEqual((await news(from, 2)).map(({ kind, id, tick }) => [kind, id, tick]).sort(),
    [['job.cancelled', from + 50, from + 51], ['job.done', from + 51, from + 51]]);
});

test('what is written first and commits last is not missed by a reader who has seen the other', async () => {
  const [slow, fast] = waiting(2);
  const from = last();
  const session = new Session();
  await session.run('BEGIN');
  await session.run(`SELECT vyricon.cancel(${slow})`);
  sql(`SELECT vyricon.cancel(${fast})`);
  await until(() => last() > from, 10);
  const [[seen, , ref], ...others] = since(from);
  assert.deepEqual([ref, others.length], [fast, 0]);
  await session.run('COMMIT');
  await session.end();
  await until(() => last() > seen, 10);
  assert.deepEqual(since(seen), [[seen + 1, 'job.cancelled', slow]]);
  assert.ok(sql(`SELECT a.written < b.written FROM vyricon.events AS a, vyricon.events AS b WHERE a.ref = '${slow}' AND b.ref = '${fast}' AND a.kind = 'job.cancelled' AND b.kind = a.kind`) === 't');
});

test('what a worker left unannounced is announced by the next one when it starts', async () => {
  const [job] = waiting();
  const from = last();
  const first = worker();
  sql(`BEGIN; INSERT INTO vyricon.events (kind, ref) VALUES ('job.done', '${job}'); SELECT pg_terminate_backend(${first}); COMMIT;`);
  await until(() => last() > from, 20);
  const [heard, ...others] = await news(from, 1);
  assert.equal(others.length, 0);
  assert.notEqual(heard.pid, first);
  assert.deepEqual(since(from), [[heard.id, 'job.done', job]]);
});

test('a worker that has run for a while still knows what time it is: a job that becomes a week old is purged', async () => {
  const first = worker();
  set({ purge_period: '1s' });
  sql(`SELECT pg_terminate_backend(${first})`);
  await until(() => worker() !== first && worker() !== '', 20);
  const pid = worker();
  const id = sql(`INSERT INTO vyricon.jobs (kind, state, repeatable, max_attempts, run_at, finished_at, role_name, idempotency_key, request)
    VALUES ('http', 'done', true, 1, now(), now() - interval '7 days' + interval '2 seconds', 'postgres', 'vyr_old', '') RETURNING id`);
  await until(() => sql(`SELECT count(*) FROM vyricon.jobs WHERE id = ${id}`) === '0', 10);
  set({ purge_period: null });
  assert.equal(worker(), pid);
});

test('GET /metrics/v1 gives a scraper with a secret key what the database knows, and counts attempts by their outcome', async () => {
  const metrics = async () => {
    const response = await fetch(`${process.env.VYRICON_URL}/metrics/v1`, { headers: { authorization: `Bearer ${process.env.VYRICON_SECRET_KEY}` } });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    const text = await response.text();
    for (const line of text.trimEnd().split('\n')) assert.match(line, /^(# (HELP \w+ .+|TYPE \w+ (gauge|counter))|\w+(\{\w+="\w+"(,\w+="\w+")*\})? \d+(\.\d+)?)$/);
    return (series) => Number(text.split('\n').find((line) => line.startsWith(`${series} `))?.split(' ')[1]);
  };
  const outcomes = { done: '/200', refused: '/422', lost: '/lost', error: '/500' };
  const series = (outcome) => `vyricon_job_attempts_total{kind="http",outcome="${outcome}"}`;
  const earlier = await metrics();
  for (const path of Object.values(outcomes)) sql(`SELECT vyricon.enqueue('http', '{"url":"${url}${path}"}')`);
  let now;
  await until(async () => (now = await metrics())('vyricon_events_total') >= earlier('vyricon_events_total') + 4, 10);
  await until(async () => { now = await metrics(); return Object.keys(outcomes).every((outcome) => now(series(outcome)) === earlier(series(outcome)) + 1); }, 5,
    () => Object.keys(outcomes).map((outcome) => `${outcome}: ${earlier(series(outcome))}, ${now(series(outcome))}`).join('; '));
  assert.equal(now('vyricon_workers{state="running"}'), 1);
  assert.equal((await fetch(`${process.env.VYRICON_URL}/metrics/v1`)).status, 401);
});
