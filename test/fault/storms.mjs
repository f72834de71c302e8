/*
 * storms.mjs: 2,000 connections at once, then 1,000 that send one byte each second, while healthy clients keep asking from a process of their
 * own. What must hold: every one of the 2,000 gets a whole answer; those that drip are cut at the deadline for a head (10 s), not later;
 * and the healthy clients' 99th percentile stays below 200 ms all the time.
 */
import net from 'node:net';
import { Shim, check, cluster, note, part, pause, percentile, until } from './lib/harness.mjs';
import { ask, load, users } from './lib/traffic.mjs';

const STORM = 2000;
const DRIPS = 1000;
const HEAD_TIMEOUT_MS = 10000; // the shim's default
const LATE_MS = 2000; // how much later a busy machine may cut
const P99_MS = 200;
const HEALTHY = { connections: 100, rate: 200 };
const EVERY_MS = 2000;
const SERVED = 0.95; // of the healthy requests, at least; the others are refused

const path = '/rest/v1/things?id=eq.{id}';
const requestOf = (user) => `GET /rest/v1/things?id=eq.${users.indexOf(user) || 4}&select=user_id HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${user.token}\r\n\r\n`;

// The status of one whole answer, or what happened instead.
function once(port, text, isGood) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(text));
    const began = performance.now();
    let got = '';
    const done = (what) => { clearTimeout(timer); socket.destroy(); resolve({ what, ms: performance.now() - began }); };
    const timer = setTimeout(() => done('no answer within 10 s'), 10000);
    socket.on('error', (error) => done(error.code));
    socket.on('close', () => done('closed'));
    socket.on('data', (data) => {
      got += data;
      const end = got.indexOf('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(got)?.[1]);
      if (end >= 0 && got.length >= end + 4 + length) done(isGood(got, got.slice(end + 4)));
    });
  });
}

const tally = (list) => JSON.stringify(list.reduce((counts, what) => ({ ...counts, [what]: (counts[what] ?? 0) + 1 }), {}));

function judgeHealthy(name, report) {
  const p99 = report.latency.p99_us / 1000;
  check(`storms: ${name}, healthy clients (${HEALTHY.rate} requests a second) have p50 ${(report.latency.p50_us / 1000).toFixed(1)} ms, p99 ${p99.toFixed(1)} ms (below ${P99_MS}), worst ${(report.latency.max_us / 1000).toFixed(1)} ms`,
    p99 < P99_MS && report.ok > 0, report);
  check(`storms: ${name}, ${report.ok} healthy requests are answered rightly, ${report.refused} refused`,
    report.errors === 0 && report.unsent === 0 && report.ok >= SERVED * (report.ok + report.refused), report);
}

// A storm of 2,000 every two seconds, for as long as the healthy clients are measured.
async function storm(shim) {
  const healthy = load(shim.port, path, { ...HEALTHY, seconds: 10 });
  let over = false;
  healthy.finally(() => { over = true; });
  await until(async () => (await ask(shim.port, 'GET', '/rest/v1/things?id=eq.4', { user: users[0] })).status === 200, 5000, 'an answer before the storm');
  const answers = [];
  let storms = 0;
  do {
    const all = Array.from({ length: STORM }, (_, i) => {
      const user = users[i % users.length];
      return once(shim.port, requestOf(user), (head, body) => {
        const status = head.slice(9, 12);
        const right = status === '503' || (status === '200' && body === JSON.stringify([{ user_id: user.id }]));
        return right ? status : `wrong: ${head.slice(0, 200)} ${body.slice(0, 200)}`;
      });
    });
    const next = pause(EVERY_MS);
    answers.push(...await Promise.all(all));
    storms++;
    await next;
  } while (!over);
  const report = await healthy;
  const bad = answers.filter(({ what }) => !['200', '503'].includes(what));
  check(`storms: ${STORM} connections at once, ${storms} times: all get a whole answer, 200 or 503: ${tally(answers.map(({ what }) => what.slice(0, 40)))}, p99 ${Math.round(percentile(answers.map(({ ms }) => ms), 0.99))} ms`,
    bad.length === 0, ...bad.slice(0, 5));
  check('storms: most of the 2,000 are served, not refused', answers.filter(({ what }) => what === '200').length * 2 > answers.length);
  judgeHealthy(`with ${STORM} connections at once`, report);
}

// A head, byte by byte, until the server cuts it. How long that took, and what it said.
function drip(port) {
  return new Promise((resolve) => {
    const head = `GET /rest/v1/things HTTP/1.1\r\nHost: h\r\nX-Slow: ${'a'.repeat(1000)}`;
    const socket = net.connect(port, '127.0.0.1');
    const began = performance.now();
    let sent = 0;
    let error = null;
    const drop = () => socket.writable && socket.write(head[sent++]);
    const timer = setInterval(drop, 1000);
    const patience = setTimeout(() => { error = 'never cut'; socket.destroy(); }, HEAD_TIMEOUT_MS + 20000);
    socket.on('connect', drop);
    socket.on('data', () => {});
    socket.on('error', (failure) => { error = failure.code; });
    socket.on('close', () => { clearInterval(timer); clearTimeout(patience); resolve({ ms: performance.now() - began, sent, error }); });
  });
}

async function slowloris(shim) {
  const healthy = load(shim.port, path, { ...HEALTHY, seconds: 13 });
  const drips = await Promise.all(Array.from({ length: DRIPS }, () => drip(shim.port)));
  const report = await healthy;
  const times = drips.map(({ ms }) => ms);
  const wrong = drips.filter(({ ms, sent, error }) => ms < HEAD_TIMEOUT_MS - 100 || ms > HEAD_TIMEOUT_MS + LATE_MS || sent < 5 || (error && error !== 'ECONNRESET' && error !== 'EPIPE'));
  check(`storms: ${DRIPS} connections that send a byte each second are cut between ${Math.round(Math.min(...times))} and ${Math.round(Math.max(...times))} ms (deadline ${HEAD_TIMEOUT_MS})`,
    wrong.length === 0, `${wrong.length} others`, ...wrong.slice(0, 5));
  judgeHealthy(`with ${DRIPS} connections that drip`, report);
}

await part('storms', async () => {
  const shim = await new Shim(await cluster.conninfo()).start();
  await until(async () => (await ask(shim.port, 'GET', '/rest/v1/things?id=eq.4', { user: users[0] })).status === 200, 10000, 'the first answer');
  const before = shim.memory();
  await storm(shim);
  await slowloris(shim);
  await until(async () => (await ask(shim.port, 'GET', '/rest/v1/things?id=eq.4', { user: users[0] })).status === 200, 5000, 'an answer afterwards');
  note(`memory of the shim: ${before.toFixed(1)} MiB before, ${shim.memory('VmHWM').toFixed(1)} at most, ${shim.memory().toFixed(1)} afterwards`);
  check('storms: the shim is the same process as before', shim.starts === 1 && shim.child.exitCode === null && shim.child.signalCode === null);
});
