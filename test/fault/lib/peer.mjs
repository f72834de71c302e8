/*
 * peer.mjs: who is called by jobs: an HTTP server that has effects, breaks in every known way, and keeps a ledger of what really happened.
 *   POST /effect         with `idempotency-key` or `webhook-id`: a key seen before has no second effect and gets the first answer again
 *   POST /effect/plain   pays no attention to the key but in the ledger: each delivery is one effect
 * Which fault a key meets, and for how many of its deliveries, says the query (?fault=reset_after&times=2), the headers `x-fault` and
 * `x-fault-times`, or `choose(name)` of the header `x-job` (else of the key); with {seed} a function of seed and name does, in any order. What is kept as the
 * first answer is that of the effect: a fault spoils its delivery only.
 */
import { createHash } from 'node:crypto';
import http from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { generator } from './random.mjs';

const LARGE = 50 << 20;
const DRIP_MS = 1000;

const json = (response, status, body, headers = {}) => {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers });
  response.end(body);
};
const reset = ({ response }) => { response.socket?.resetAndDestroy(); };

function truncate({ response, body }) {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length + 100 });
  response.write(body, () => response.socket?.destroy());
}

// The head at once, then a byte each second.
function drip({ response, body }) {
  let at = 0;
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  response.flushHeaders();
  const timer = setInterval(() => {
    response.write(body.subarray(at, ++at));
    if (at >= body.length) response.end();
  }, DRIP_MS);
  response.on('close', () => clearInterval(timer));
}

function* pieces(bytes) {
  const piece = Buffer.alloc(1 << 16, ' ');
  for (let left = bytes; left > 0; left -= piece.length) yield piece;
}

function large({ response }) {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': LARGE });
  pipeline(Readable.from(pieces(LARGE)), response).catch(() => {}); // who called may cut it
}

/*
 * effect: whether it happens first. share: how often the seed picks it: those that cost a second are rare. always: for all deliveries, when the
 * seed picks it: what the peer refuses it goes on refusing. postponed: the peer says that it did nothing, and to come again.
 */
export const faults = {
  hang: { effect: false, share: 1, answer() {} },
  hang_after: { effect: true, share: 1, answer() {} },
  reset_before: { effect: false, share: 6, answer: reset },
  reset_after: { effect: true, share: 6, answer: reset },
  error_before: { effect: false, share: 6, answer: ({ response }) => json(response, 500, '{"error":"before"}') },
  error_after: { effect: true, share: 6, answer: ({ response }) => json(response, 500, '{"error":"after"}') },
  truncate: { effect: true, share: 4, answer: truncate },
  drip: { effect: true, share: 1, answer: drip },
  large: { effect: true, share: 1, answer: large },
  html: { effect: true, share: 2, answer: ({ response }) => response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Welcome</title>') },
  later: { effect: false, share: 1, postponed: true, answer: ({ response }) => json(response, 429, '{"error":"later"}', { 'retry-after': '1' }) },
  redirect: { effect: false, share: 2, always: true, answer: ({ response, elsewhere }) => response.writeHead(302, { location: `${elsewhere}/effect` }).end() },
  refuse: { effect: false, share: 3, always: true, answer: ({ response }) => json(response, 422, '{"error":"refused"}') },
};

// {fault, times} of a key, or null for most of them.
export function seededFaults(seed, share = 0.4) {
  const lots = Object.entries(faults).flatMap(([name, row]) => Array(row.share).fill(name));
  return (key) => {
    const random = generator(createHash('sha256').update(`${seed} ${key}`).digest().readUInt32LE());
    if (random.next() >= share) return null;
    const fault = lots[random.below(lots.length)];
    return { fault, times: faults[fault].always ? Infinity : 1 + random.below(faults[fault].share > 1 ? 2 : 1) };
  };
}

const listen = (server) => new Promise((done) => {
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => done(`http://127.0.0.1:${server.address().port}`));
});

class Peer {
  constructor(choose) {
    this.faultOf = choose;
    this.entries = new Map();
    this.met = new Map();
    this.strays = [];
    // what is idle stays open: a peer that hangs up on its own would be one more fault, at no seeded moment
    this.server = http.createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (request, response) => { this.serve(request, response).catch(() => {}); });
    this.other = http.createServer((request, response) => { this.strays.push(`${request.method} ${request.url}`); response.end(); });
  }

  entry(key) {
    if (!this.entries.has(key)) this.entries.set(key, { key, deliveries: 0, postponed: 0, effects: 0, answer: null });
    return this.entries.get(key);
  }

  // A delivery counts when its head is here, an effect needs the whole body.
  async serve(request, response) {
    const url = new URL(request.url, 'http://peer');
    const { headers } = request;
    const key = headers['idempotency-key'] ?? headers['webhook-id'];
    if (request.method !== 'POST' || !/^\/effect(\/plain)?$/.test(url.pathname)) return json(response, 404, '{"error":"no such path"}');
    if (!key) return json(response, 400, '{"error":"no key"}');
    const name = url.searchParams.get('fault') ?? headers['x-fault'];
    const chosen = name ? { fault: name, times: Number(url.searchParams.get('times') ?? headers['x-fault-times'] ?? Infinity) } : this.faultOf(headers['x-job'] ?? key);
    if (chosen && !Object.hasOwn(faults, chosen.fault)) return json(response, 400, '{"error":"no such fault"}');
    const entry = this.entry(key);
    entry.deliveries++;
    const fault = chosen && entry.deliveries <= chosen.times ? faults[chosen.fault] : null;
    if (fault) this.met.set(chosen.fault, (this.met.get(chosen.fault) ?? 0) + 1);
    await request.resume().toArray();
    if (!fault || fault.effect) this.effect(entry, url.pathname === '/effect/plain');
    if (fault?.postponed) entry.postponed++;
    const body = Buffer.from(entry.answer ?? '');
    return fault ? fault.answer({ response, body, elsewhere: this.otherUrl }) : json(response, 200, body);
  }

  effect(entry, plain) {
    if (entry.effects > 0 && !plain) return;
    entry.effects++;
    entry.answer = JSON.stringify({ key: entry.key, effect: entry.effects, delivery: entry.deliveries });
  }

  // By key: {key, deliveries, postponed (of them, with 429), effects, answer}.
  ledger() { return new Map([...this.entries].map(([key, entry]) => [key, { ...entry }])); }

  close() {
    for (const server of [this.server, this.other]) {
      server.close();
      server.closeAllConnections();
    }
  }
}

export async function startPeer({ seed, choose = seed === undefined ? () => null : seededFaults(seed) } = {}) {
  const peer = new Peer(choose);
  [peer.url, peer.otherUrl] = await Promise.all([listen(peer.server), listen(peer.other)]);
  return peer;
}
