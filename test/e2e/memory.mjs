// Large answers: refused while they are built, and memory that comes back, in the shim and in the database's processes.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const mib = 1024 * 1024;
const db = new URL(process.env.DATABASE_URL);
const sql = (text) => execFileSync('psql', ['-qXAt', '-v', 'ON_ERROR_STOP=1', db.href], { input: text, encoding: 'utf8' }).trim();
let shim;
let url;

// In MiB; VmRSS of a moment, VmHWM at most so far.
const memory = (pid, field) => Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

const freePort = () => new Promise((resolve) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

async function until(condition, seconds, words) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(50)) if (await condition()) return;
  assert.fail(`after ${seconds} s: ${words()}`);
}

// A shim of this file's own, whose process id is known, over the cluster's socket, where its role may come in.
before(async () => {
  sql(`
    CREATE TABLE public.e2e_pages (id int PRIMARY KEY, body text NOT NULL);
    ALTER TABLE public.e2e_pages ALTER COLUMN body SET STORAGE EXTERNAL;
    INSERT INTO public.e2e_pages SELECT i, repeat('x', ${mib} - 40) FROM generate_series(1, 200) AS i;
    GRANT SELECT ON public.e2e_pages TO anon;`);
  const [port, adminPort] = [await freePort(), await freePort()];
  const socket = sql('SHOW unix_socket_directories');
  shim = spawn(process.env.VYRICON_BIN, ['serve', '--host', '127.0.0.1', '--port', String(port), '--admin-port', String(adminPort),
    '--database', `host=${socket} port=${db.port} dbname=${db.pathname.slice(1)} user=vyricon_shim`], { stdio: 'ignore' });
  url = `http://127.0.0.1:${port}`;
  await until(async () => (await fetch(`http://127.0.0.1:${adminPort}/ready`).catch(() => ({ ok: false }))).ok, 30, () => 'the shim is not ready');
});

after(async () => {
  const ended = shim && new Promise((done) => { shim.on('exit', done); });
  shim?.kill('SIGTERM');
  await ended;
  sql('DROP TABLE public.e2e_pages');
});

// The shim's connections that are open now.
const backends = () => sql("SELECT pid FROM pg_stat_activity WHERE usename = 'vyricon_shim'").split('\n').filter(Boolean).map(Number);

// SCHED_BATCH: being woken does not interrupt who runs (proc(5): the 41st field of stat; 3).
test('neither the shim nor a backend that serves it interrupts the other when it is woken', async () => {
  const policy = (pid) => Number(readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/.*\)/s, '').trim().split(' ')[38]);
  assert.equal((await fetch(`${url}/rest/v1/e2e_pages?select=id&limit=1`)).status, 200);
  assert.equal(policy(shim.pid), 3);
  assert.ok(backends().some((pid) => policy(pid) === 3));
  assert.equal(policy(process.pid), 0);
});

test('an answer over vyricon.max_answer is refused while it is built', async () => {
  assert.equal(sql('SHOW vyricon.max_answer'), '32MB');
  const answer = await fetch(`${url}/rest/v1/e2e_pages`);
  const problem = await answer.json();
  assert.equal(answer.status, 413);
  assert.match(problem.hint, /limit|page/i);
  const peaks = backends().map((pid) => memory(pid, 'VmHWM'));
  assert.ok(peaks.length > 0 && Math.max(...peaks) < 190, `backends' largest was ${peaks.map(Math.round)} MiB, for 200 MiB of rows`);
  assert.ok(memory(shim.pid, 'VmHWM') < 64, `the shim grew to ${memory(shim.pid, 'VmHWM')} MiB`);
});

test('the same through vyricon.http()', () => {
  assert.equal(sql("SELECT status FROM vyricon.http('GET', '/rest/v1/e2e_pages')"), '413');
});

test('four concurrent answers of 30 MiB: the shim stays under 200 MiB and gives the memory back', async () => {
  const answers = await Promise.all([1, 2, 3, 4].map(async () => {
    const answer = await fetch(`${url}/rest/v1/e2e_pages?select=body&limit=30`);
    return { status: answer.status, size: (await answer.arrayBuffer()).byteLength };
  }));
  for (const { status, size } of answers) {
    assert.equal(status, 200);
    assert.ok(size > 29.9 * mib && size < 32 * mib, `${size} bytes`);
  }
  const peak = memory(shim.pid, 'VmHWM');
  assert.ok(peak < 200, `the shim grew to ${peak} MiB`);
  await until(() => memory(shim.pid, 'VmRSS') < 64, 15, () => `the shim still holds ${memory(shim.pid, 'VmRSS')} MiB`);
});
