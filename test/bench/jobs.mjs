/*
 * jobs.mjs: what vyricon.enqueue() costs and how soon its request is on the wire (BENCH=jobs make bench).
 *
 * Cost is measured twice, each against its like in the same round, and the median of the rounds' ratios counts: in a loop inside one transaction
 * against an INSERT of the same payload; and as transactions of pgbench, "a row of mine and ..." a row of a plain outbox, a job, or a NOTIFY,
 * one pipeline each, so that commits and not round trips are seen. There the jobs are due never, and the worker sleeps; the figures with the
 * worker sending them stand beside. Latency is from the moment in which COMMIT is sent to the arrival in the peer, which is this process: one
 * clock, and the commit itself is part of it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { cpus, release } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import * as db from './database.mjs';
import { judge } from './report.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const quick = Boolean(process.env.QUICK && process.env.QUICK !== '0');
const settings = {
  rounds: Number(process.env.ROUNDS) || (quick ? 3 : 7), seconds: 1, clients: [1, 4, 16, 32],
  loops: quick ? 60 : 200, loop_rows: 500, samples: quick ? 200 : 500, in_flight: 200, peer_ms: 500,
};
const say = (text) => process.stdout.write(`${text}\n`);
const sorted = (values) => values.toSorted((a, b) => a - b);
const quantile = (values, q) => sorted(values)[Math.min(values.length - 1, Math.floor(values.length * q))];
const median = (values) => quantile(values, 0.5);
const spread = (values) => ({ median: median(values), least: Math.min(...values), most: Math.max(...values) });
const show = ({ median: m, least, most }) => `${m.toFixed(2)} (${least.toFixed(2)}-${most.toFixed(2)})`;

/* The peer: by path, what it does with a request. */
const paths = { '/at-once': (_, response) => response.end('ok') };
const peer = createServer((request, response) => { request.resume(); paths[request.url.split('?')[0]](request, response); });

const payload = (path) => JSON.stringify({ url: `http://127.0.0.1:${peer.address().port}${path}`, body: { type: 'tour.created', tour: 1 } });

/* One session that answers line by line, so that this process can go on being the peer. */
class Session {
  constructor() {
    this.child = spawn(join(process.env.PG_BINDIR, 'psql'), ['-XqAt', '-v', 'ON_ERROR_STOP=1', db.superuserUrl], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  send(text) { this.child.stdin.write(`${text}\n`); }
  async line() { return (await this.lines.next()).value; }
  async ask(text) { this.send(text); return this.line(); }
  async close() { this.child.stdin.end(); await once(this.child, 'close'); }
}

function prepare() {
  db.sql(`CREATE TABLE public.mine (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload jsonb NOT NULL, at timestamptz NOT NULL DEFAULT now());
          CREATE TABLE public.outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload jsonb NOT NULL, at timestamptz NOT NULL DEFAULT now());
          CREATE FUNCTION public.time_loop(statement text, n int) RETURNS float8 LANGUAGE plpgsql AS $$
          DECLARE
            started timestamptz;
          BEGIN
            EXECUTE format('CREATE OR REPLACE FUNCTION pg_temp.looped(n int) RETURNS void LANGUAGE plpgsql AS %L', 'BEGIN FOR i IN 1..n LOOP ' || statement || '; END LOOP; END');
            PERFORM pg_temp.looped(10);
            started := clock_timestamp();
            PERFORM pg_temp.looped(n);
            RETURN extract(epoch FROM clock_timestamp() - started) * 1e6 / n;
          END $$`);
}

/* Truncating waits for the worker's transactions, which are short. */
const tidy = () => { db.sql('TRUNCATE vyricon.jobs, public.mine, public.outbox'); db.sql('CHECKPOINT'); };

const statements = (path, due) => ({
  outbox: `INSERT INTO public.outbox (payload) VALUES ('${payload(path)}')`,
  enqueue: `vyricon.enqueue('http', '${payload(path)}'${due})`,
  // the row of a job, by a statement as an application would write it
  statement: `INSERT INTO vyricon.jobs (kind, repeatable, max_attempts, run_at, role_name, idempotency_key, request)
    VALUES ('http', false, 15, 'infinity', 'postgres', 'vyr_0123456789abcdef0123456789abcdef', '\\x${'00'.repeat(130)}')`,
  keyed: `vyricon.enqueue('http', '${payload(path)}'${due}, key => gen_random_uuid()::text)`,
});

async function loops() {
  const { outbox, enqueue, statement, keyed } = statements('/never', ", 'infinity'");
  const session = new Session();
  const time = async (text) => Number(await session.ask(`SELECT public.time_loop($s$${text}$s$, ${settings.loop_rows});`));
  const rounds = [];
  for (let i = 0; i < settings.loops; i++)
    rounds.push({ plain: await time(outbox), enqueue: await time(`PERFORM ${enqueue}`), statement: await time(statement), keyed: await time(`PERFORM ${keyed}`) });
  await session.close();
  tidy();
  const names = Object.keys(rounds[0]);
  const us = (q) => Object.fromEntries(names.map((name) => [name, quantile(rounds.map((r) => r[name]), q)]));
  const ratio = (a, b) => spread(rounds.map((r) => r[a] / r[b]));
  return { us: us(0.5), best_us: us(0), ratio: ratio('enqueue', 'plain'), keyed: ratio('keyed', 'plain'), against_statement: ratio('enqueue', 'statement') };
}

function writeScripts() {
  const { outbox, enqueue } = statements('/never', ", 'infinity'");
  const second = { mine: '', outbox: `${outbox};`, enqueue: `SELECT ${enqueue};`, notify: `NOTIFY jobs, '${payload('/never')}';`, sent: `SELECT ${statements('/at-once', '').enqueue};` };
  mkdirSync(join(here, 'out'), { recursive: true });
  return Object.fromEntries(Object.entries(second).map(([name, text]) => {
    const path = join(here, 'out', `jobs-${name}.sql`);
    writeFileSync(path, ['\\startpipeline', 'BEGIN;', `INSERT INTO public.mine (payload) VALUES ('{"title":"a tour","price":1500}');`, text, 'COMMIT;', '\\endpipeline', ''].filter(Boolean).join('\n'));
    return [name, path];
  }));
}

/* "sent" has the worker send what is enqueued, as fast as it can, to this process, on the same cores. */
async function commits() {
  const scripts = writeScripts();
  const names = Object.keys(scripts);
  const result = {};
  for (const clients of settings.clients) {
    const rounds = [];
    for (let round = 0; round < settings.rounds; round++) {
      const tps = {};
      const cpu = {};
      for (let i = 0; i < names.length; i++) {
        const name = names[(i + round) % names.length];
        const run = await db.pgbench(scripts[name], clients, settings.seconds);
        tps[name] = run.rps;
        cpu[name] = run.cpu_us_db;
        tidy();
      }
      rounds.push({ ...tps, cpu });
    }
    const ratio = (a, b) => spread(rounds.map((r) => r[a] / r[b]));
    result[clients] = {
      tps: Object.fromEntries(names.map((name) => [name, median(rounds.map((r) => r[name]))])),
      cost: ratio('outbox', 'enqueue'), against_notify: ratio('enqueue', 'notify'), ceiling: ratio('outbox', 'notify'),
      cpu: spread(rounds.map((r) => r.cpu.enqueue / r.cpu.outbox)), cost_sent: ratio('outbox', 'sent'), sent_against_notify: ratio('sent', 'notify'),
    };
    const { tps, cost, against_notify: notify, cost_sent: sent, cpu } = result[clients];
    say(`${String(clients).padStart(2)} clients: ${names.map((n) => `${n} ${Math.round(tps[n])}`).join('  ')}\n   cost against an outbox ${show(cost)}, in CPU time ${show(cpu)}, with the worker sending ${show(sent)}; commits against NOTIFY ${show(notify)}, of an outbox ${show(result[clients].ceiling)}`);
  }
  return result;
}

/* pause: milliseconds between two commits, on average. */
async function wire(pause) {
  const session = new Session();
  const arrived = new Map();
  paths['/timed'] = (request, response) => { arrived.set(request.url.split('=')[1], performance.now()); response.end('ok'); };
  const times = [];
  const commitTimes = [];
  for (let i = 0; i < settings.samples; i++) {
    session.send('BEGIN;');
    await session.ask(`SELECT vyricon.enqueue('http', '${payload(`/timed?n=${i}`)}');`);
    const from = performance.now();
    await session.ask("COMMIT; SELECT 'committed';");
    commitTimes.push(performance.now() - from);
    for (const end = from + 10000; !arrived.has(String(i)); await sleep(0.2)) if (performance.now() > end) throw new Error(`job ${i} did not arrive`);
    times.push(arrived.get(String(i)) - from);
    await sleep(Math.random() * 2 * pause);
  }
  await session.close();
  return { commit_p50_ms: median(commitTimes), p50_ms: median(times), p99_ms: quantile(times, 0.99), max_ms: Math.max(...times) };
}

async function inFlight() {
  const session = new Session();
  let open = 0;
  let most = 0;
  let served = 0;
  paths['/slow'] = async (_, response) => { most = Math.max(most, ++open); await sleep(settings.peer_ms); open--; served++; response.end('ok'); };
  const from = performance.now();
  await session.ask(`SELECT count(vyricon.enqueue('http', '${payload('/slow')}')) FROM generate_series(1, ${settings.in_flight});`);
  const done = () => session.ask("SELECT count(*) FROM vyricon.jobs WHERE state = 'done';");
  for (const end = from + 30000; Number(await done()) < settings.in_flight; await sleep(20)) if (performance.now() > end) break;
  const result = { most, served, done: Number(await done()), all_done_ms: performance.now() - from };
  await session.close();
  tidy();
  return result;
}

async function main() {
  peer.listen(0, '127.0.0.1');
  await once(peer, 'listening');
  prepare();
  const loop = await loops();
  for (const [name, us] of [['median', loop.us], ['best round', loop.best_us]])
    say(`loop in one transaction, us each, ${name}: plain insert ${us.plain.toFixed(2)}, enqueue ${us.enqueue.toFixed(2)}, its row by a statement ${us.statement.toFixed(2)}, enqueue with a key ${us.keyed.toFixed(2)}`);
  say(`   enqueue against a plain insert ${show(loop.ratio)}, with a key ${show(loop.keyed)}; against its row by a statement ${show(loop.against_statement)}`);
  const latency = { idle: await wire(20), busy: await wire(1) };
  for (const [name, l] of Object.entries(latency)) say(`commit to request on the wire, ${name}: p50 ${l.p50_ms.toFixed(2)} ms, p99 ${l.p99_ms.toFixed(2)} ms, max ${l.max_ms.toFixed(2)} ms; of that, the answer to COMMIT: p50 ${l.commit_p50_ms.toFixed(2)} ms`);
  tidy();
  const flight = await inFlight();
  say(`in flight at once against a peer of ${settings.peer_ms} ms: ${flight.most}; ${flight.done} done after ${Math.round(flight.all_done_ms)} ms`);
  const result = { machine: { cpu: cpus()[0].model, cores: cpus().length, kernel: release(), node: process.version }, settings, loop, latency, flight, commits: await commits() };
  for (const name of ['fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'server_version']) settings[name] = db.sql(`SHOW ${name}`);
  writeFileSync(join(here, 'out/jobs.json'), `${JSON.stringify(result, null, 2)}\n`);
  process.exitCode = judge(result, join(here, 'job_gates.json'), say) ? 0 : 1;
}

try {
  await main();
} finally {
  peer.closeAllConnections();
  peer.close();
}
