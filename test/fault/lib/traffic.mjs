/*
 * traffic.mjs: clients that write and read their own rows, and the ledger that says afterwards whether anything was lost, doubled, given to
 * somebody else or answered wrongly. A row counts as acknowledged only when its whole 201 was read.
 */
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execute, pause, sql } from './harness.mjs';

const HUNG_MS = 30000;

export function sign(claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const input = `${part({ alg: 'HS256', typ: 'JWT', kid: 'test' })}.${part({ role: 'authenticated', aud: 'authenticated', iat: now, exp: now + 7200, ...claims })}`;
  return `${input}.${createHmac('sha256', process.env.VYRICON_JWT_SECRET).update(input).digest('base64url')}`;
}

// The four owners of schema.sql.
export const users = [0, 1, 2, 3].map((n) => {
  const hash = createHash('md5').update(`user ${n}`).digest('hex');
  const id = `${hash.slice(0, 8)}-${hash.slice(8, 12)}-4${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20)}`;
  return { id, token: sign({ sub: id }) };
});

// {status, body} of a whole answer, or {error} of a connection that broke; every other error is a wrong answer.
export function ask(port, method, path, { user = users[0], body, agent, headers = {}, within = HUNG_MS } = {}) {
  return new Promise((resolve) => {
    const began = performance.now();
    const text = body === undefined ? undefined : JSON.stringify(body);
    const fields = { authorization: `Bearer ${user.token}`, ...headers };
    if (text) Object.assign(fields, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), prefer: 'return=representation' });
    const done = (result) => { clearTimeout(timer); resolve({ ms: performance.now() - began, ...result }); };
    const request = http.request({ host: '127.0.0.1', port, method, path, headers: fields, agent }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('end', () => (answer.complete ? done({ status: answer.statusCode, body: Buffer.concat(chunks).toString() }) : done({ error: 'ECONNRESET' })));
      answer.on('error', (error) => done({ error: error.code ?? error.message }));
    });
    const timer = setTimeout(() => { done({ error: `no answer within ${within} ms` }); request.destroy(); }, within);
    request.on('error', (error) => done({ error: error.code ?? error.message }));
    request.end(text);
  });
}

const broken = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE']);

// The rows of a JSON answer, or null.
export function rowsOf(body) {
  try {
    const rows = JSON.parse(body);
    return Array.isArray(rows) ? rows : null;
  } catch {
    return null;
  }
}

export const codeOf = (body) => { try { return String(JSON.parse(body).code); } catch { return 'not JSON'; } };

export class Traffic {
  // portOf: where the shim is now; noteOf: the text of a row's note, by its id
  constructor(portOf, { noteOf = (id) => `note of ${id}`, readShare = 0.2 } = {}) {
    Object.assign(this, { portOf, noteOf, readShare });
    this.outstanding = 0;
    this.sent = new Map();
    this.acknowledged = new Map();
    this.refused = new Set();
    this.counts = {};
    this.wrong = [];
    this.wrongOwners = 0;
    this.slowest = 0;
    this.stopping = false;
    this.clients = [];
  }

  start(n, random) {
    this.clients = Array.from({ length: n }, (_, i) => this.client(users[i % users.length], random.fork()));
  }

  async stop() {
    this.stopping = true;
    await Promise.all(this.clients);
  }

  async client(user, random) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const own = [];
    while (!this.stopping) {
      const read = own.length > 0 && random.next() < this.readShare;
      const result = read ? await this.read(user, own[random.below(own.length)], agent) : await this.write(user, agent);
      if (result.id) own.push(result.id);
      // who is refused comes back a little later
      if (!result.ok) await pause(5);
    }
    agent.destroy();
  }

  async exchange(method, path, options) {
    this.outstanding++;
    const result = await ask(this.portOf(), method, path, options);
    this.outstanding--;
    this.slowest = Math.max(this.slowest, result.ms);
    const kind = result.error ?? (result.status === 503 ? `503 ${codeOf(result.body)}` : String(result.status));
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    return result;
  }

  complain(what, result) { this.wrong.push(`${what}: ${result.error ?? `${result.status} ${result.body.slice(0, 300)}`}`); }

  // One row, this one, and the caller's.
  isRow(result, id, user) {
    const rows = rowsOf(result.body);
    if (rows?.some((row) => row.user_id !== user.id)) this.wrongOwners++;
    return rows?.length === 1 && rows[0].id === id && rows[0].user_id === user.id && rows[0].note === this.noteOf(id);
  }

  async write(user, agent) {
    const id = randomUUID();
    this.sent.set(id, user.id);
    const result = await this.exchange('POST', '/rest/v1/events', { user, agent, body: { id, note: this.noteOf(id) } });
    if (result.status === 201 && this.isRow(result, id, user)) {
      this.acknowledged.set(id, user.id);
      return { ok: true, id };
    }
    if (result.status === 503 && codeOf(result.body) !== 'outcome_unknown') this.refused.add(id);
    else if (result.status !== 503 && !broken.has(result.error)) this.complain(`POST ${id}`, result);
    return { ok: false };
  }

  async read(user, id, agent) {
    const result = await this.exchange('GET', `/rest/v1/events?id=eq.${id}`, { user, agent });
    if (result.status === 200 && this.isRow(result, id, user)) return { ok: true };
    if (result.status !== 503 && !broken.has(result.error)) this.complain(`GET ${id}`, result);
    return { ok: false };
  }

  /*
   * The table against the ledger: what was acknowledged and is missing, was refused and is there, is there twice, has another owner or another
   * text, or was never sent. A write that was answered outcome_unknown, or not at all, may be there or not.
   */
  async judge() {
    const rows = (await sql('COPY (SELECT id, user_id, count(*), min(note) FROM public.events WHERE batch IS NULL GROUP BY 1, 2) TO STDOUT')).split('\n').filter(Boolean).map((line) => line.split('\t'));
    const found = new Map();
    const verdict = { rows: rows.length, lost: [], twice: [], refused: [], foreign: [], unsent: [], garbled: [] };
    for (const [id, owner, count, text] of rows) {
      if (count !== '1' || found.has(id)) verdict.twice.push(id);
      found.set(id, owner);
      if (!this.sent.has(id)) verdict.unsent.push(id);
      else if (this.sent.get(id) !== owner) verdict.foreign.push(id);
      if (this.refused.has(id)) verdict.refused.push(id);
      if (text !== this.noteOf(id)) verdict.garbled.push(id);
    }
    for (const id of this.acknowledged.keys()) if (!found.has(id)) verdict.lost.push(id);
    return verdict;
  }
}

// One run of the load generator of `make bench`; path has {id} where the row's number goes. The figures it prints, as an object.
export async function load(port, path, { connections, seconds, rate }) {
  const folder = mkdtempSync(join(tmpdir(), 'vyricon-load-'));
  const tokens = join(folder, 'tokens');
  const ids = join(folder, 'ids');
  writeFileSync(tokens, users.map(({ id, token }) => `${id} ${token}\n`).join(''));
  writeFileSync(ids, Array.from({ length: 1000 }, (_, i) => `${i + 1} ${(i + 1) % 4}\n`).join(''));
  try {
    const args = ['--port', port, '--workload', 'one', '--path', path, '--tokens', tokens, '--ids', ids, '--connections', connections, '--seconds', seconds];
    const { out, err } = await execute(process.env.FAULT_LOAD, [...args, ...(rate ? ['--rate', rate] : [])].map(String), { heard: true, detached: true });
    return { ...JSON.parse(out), first_error: err.trim() };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
