/*
 * storms.mjs: a thousand connections that send one byte now and then and never end, and two thousand that come at once: clients that behave do
 * not notice, the slow ones are cut at the deadline for a head, and nothing is left of them.
 */
import net from 'node:net';
import { Shim, check, cluster, part, pause, percentile, until } from './lib/harness.mjs';
import { ask, users } from './lib/traffic.mjs';
import http from 'node:http';

const DRIPS = 1000;
const STORM = 2000;
const HEAD_TIMEOUT_MS = 10000;

// Requests of eight clients, one after the other each, until told to stop: their times, and the answers that were none of 200.
function healthy(port) {
  const times = [];
  const wrong = [];
  let stopping = false;
  const clients = Array.from({ length: 8 }, async (_, i) => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    while (!stopping) {
      const answer = await ask(port, 'GET', '/rest/v1/things?limit=1', { user: users[i % users.length], agent });
      times.push(answer.ms);
      if (answer.status !== 200) wrong.push(answer.error ?? answer.status);
    }
    agent.destroy();
  });
  return { times, wrong, stop: () => { stopping = true; return Promise.all(clients); } };
}

function drip(port) {
  const head = `GET /rest/v1/things HTTP/1.1\r\nHost: drip\r\nX-Slow: ${'a'.repeat(1000)}`;
  const socket = net.connect({ port, host: '127.0.0.1' });
  const began = performance.now();
  let sent = 0;
  const timer = setInterval(() => { if (sent < head.length) socket.write(head[sent++]); }, 1000);
  return new Promise((done) => {
    socket.on('error', () => {});
    socket.on('close', () => { clearInterval(timer); done(performance.now() - began); });
  });
}

await part('storms', async () => {
  const shim = await new Shim(await cluster.conninfo(), ['--head-timeout', String(HEAD_TIMEOUT_MS)]).start();
  await until(async () => (await ask(shim.port, 'GET', '/rest/v1/things?limit=1', { user: users[0] })).status === 200, 10000, 'the shim to be ready');

  const during = healthy(shim.port);
  const closed = await Promise.all(Array.from({ length: DRIPS }, () => drip(shim.port)));
  await during.stop();
  const p99 = percentile(during.times, 0.99);
  check(`storms: beside ${DRIPS} dripping connections p99 is under 200 ms: ${p99.toFixed(1)} ms of ${during.times.length} requests`, p99 < 200 && during.times.length > 1000);
  check('storms: every healthy request is answered', during.wrong.length === 0, during.wrong.slice(0, 10).join());
  check(`storms: each dripping connection is cut at the deadline of ${HEAD_TIMEOUT_MS} ms: the last after ${Math.max(...closed).toFixed(0)} ms`,
    Math.max(...closed) < HEAD_TIMEOUT_MS + 2000 && Math.min(...closed) > HEAD_TIMEOUT_MS - 2000);

  const beside = healthy(shim.port);
  await pause(200);
  const sockets = [];
  const connected = await Promise.all(Array.from({ length: STORM }, () => new Promise((done) => {
    const socket = net.connect({ port: shim.port, host: '127.0.0.1' });
    sockets.push(socket);
    socket.on('connect', () => done(true));
    socket.on('error', () => done(false));
  })));
  for (const socket of sockets) socket.resetAndDestroy();
  await pause(200);
  await beside.stop();
  const p99b = percentile(beside.times, 0.99);
  check(`storms: ${STORM} connections at once are taken`, connected.every(Boolean), `${connected.filter(Boolean).length} are`);
  check(`storms: beside them p99 is under 200 ms: ${p99b.toFixed(1)} ms`, p99b < 200 && beside.wrong.length === 0, beside.wrong.slice(0, 10).join());
  check(`storms: the shim stays under 96 MiB: ${shim.memory('VmHWM').toFixed(1)} MiB`, shim.memory('VmHWM') < 96);
});
