/*
 * jobs.mjs: outgoing HTTP jobs and mails to peers that break, while the worker is killed at a named point or the postmaster at any moment. RUNS= says
 * how often (200); SEED= repeats faults, victims and moments. What must hold: every acknowledged job is there once and comes to an end; at the
 * peer each key has at most one effect; done means that it had it, failed that it had not; and what cannot be repeated is never sent twice.
 * Beside them calls of a function, whose effect is a row: it is there once, exactly when the job is done.
 */
import { spawn } from 'node:child_process';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, cluster, generator, median, note, part, pause, seed, shuffle, sql, until } from './lib/harness.mjs';
import { startMailSink } from '../e2e/lib/mail_sink.mjs';
import { mailFaults, seededMailFaults } from './lib/mail_faults.mjs';
import { faults, startPeer } from './lib/peer.mjs';

const runs = Number(process.env.RUNS) || 200;
const JOBS = 20; // of a run
const CALLS = 6; // of a run
const MAIL = 0.25; // the share of jobs that are mails; a mail must not be repeated
const PLAIN = 0.4; // of the others, the share that must not be repeated
const SETTLED_MS = 20000;
const DELAY_MS = 300; // the postmaster is killed so long after the first job, at most
const LEAVE_MS = 3000;

// Where the worker kills itself, and how often it may pass there before in a run.
const points = { claimed: 3, sending: 8, sent: 8, answered: 6, recording: 6, recorded: 6, leaving: 1, sql_claimed: 4, sql_ran: 3, sql_recording: 3, sql_recorded: 3 };

const ends = ['done', 'failed', 'unknown'];
const file = join(cluster.data, 'fault_point'); // jobs/fault.h

const kindOf = (random) => (random.next() < MAIL ? { mail: true, plain: true } : { mail: false, plain: random.next() < PLAIN });

function plan(random) {
  const names = Object.keys(points);
  const victims = Array.from({ length: runs }, (_, i) => {
    if (i % 10 === 8) return 'postmaster';
    return i % 10 === 9 ? 'nothing' : names[(i - 2 * Math.floor(i / 10)) % names.length];
  });
  return shuffle(victims, random).map((victim, run) => ({
    run, victim, delay: random.between(0, DELAY_MS), countdown: 1 + random.below(points[victim] ?? 1), kinds: Array.from({ length: JOBS }, () => kindOf(random)),
  }));
}

// Whole or not at all: the worker may look at any time.
function arm(text) {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

// Names of the points at which it killed itself since the last time somebody asked.
function hits() {
  try {
    const text = readFileSync(`${file}.hit`, 'utf8');
    rmSync(`${file}.hit`);
    return text.split(/\s+/).filter(Boolean);
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

const quoted = (text) => `'${text.replaceAll("'", "''")}'`;
const prefix = (run) => `run-${run}-`;

// As many lines as statements were acknowledged before the connection broke.
function acknowledged(statements) {
  return new Promise((done, fail) => {
    const child = spawn('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', process.env.DATABASE_URL], { stdio: ['pipe', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (data) => { out += data; });
    child.stderr.on('data', (data) => { err += data; });
    child.stdin.on('error', () => {}); // it went away: its status says why
    // 2: no connection, or no longer
    child.on('close', (status) => (status === 0 || status === 2 ? done(out.split('\n').length - 1) : fail(new Error(err))));
    child.stdin.end(statements.join('\n'));
  });
}

// A call fails now and then, after its effect.
const fixture = `
  CREATE TABLE public.called (key text NOT NULL);
  GRANT INSERT ON public.called TO service_role;
  CREATE FUNCTION public.call_once(key text) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO public.called VALUES (key);
    PERFORM pg_sleep(0.005);
    IF random() < 0.3 THEN RAISE EXCEPTION 'not this time'; END IF;
  END $$;`;

function statementOf(job, url) {
  if (job.called) return `SET ROLE service_role; SELECT vyricon.enqueue('sql', '{"function":"public.call_once","args":{"key":"${job.key}"}}', key => ${quoted(job.key)}); RESET ROLE;`;
  if (job.mail) {
    const payload = { from: `${job.key}@example.com`, to: 'traveller@example.com', subject: job.key, text: `text of ${job.key}` };
    return `SELECT vyricon.enqueue('mail', ${quoted(JSON.stringify(payload))}, key => ${quoted(job.key)});`;
  }
  const payload = {
    url: `${url}/effect${job.plain ? '/plain' : ''}`, method: 'POST', headers: { 'x-job': job.key }, idempotent: !job.plain, body: job.plain ? `text of ${job.key}` : { of: job.key },
  };
  return `SELECT vyricon.enqueue('http', ${quoted(JSON.stringify(payload))}, key => ${quoted(job.key)});`;
}

// All jobs of a run; of one whose connection broke nobody knows, the others are sent when there is a database again.
async function enqueue(jobs, url) {
  for (let at = 0; at < jobs.length;) {
    await back();
    const n = await acknowledged(jobs.slice(at).map((job) => statementOf(job, url)));
    for (const job of jobs.slice(at, at + n)) job.acknowledged = true;
    at += n + 1;
  }
}

let restarting = false;

const back = () => until(async () => {
  if (!restarting && !cluster.isRunning()) throw new Error('the postmaster ended by itself: see server.log');
  return (await sql('SELECT 1').catch(() => '')) === '1';
}, 30000, 'a database that accepts connections');

// A worker leaves when its database is altered, and comes back; that changes nothing else. It may die of it, and take this session along.
const askToLeave = () => sql(`ALTER DATABASE ${process.env.PGDATABASE} CONNECTION LIMIT -1`).catch(() => null);

// How many are neither done nor given up, after at most SETTLED_MS.
async function settle(run) {
  let left = 'nobody knows how many';
  const open = `SELECT count(*) FROM vyricon.jobs WHERE state IN ('queued', 'in_flight') AND starts_with(key, ${quoted(prefix(run))})`;
  await until(async () => {
    left = await sql(open).catch(() => left);
    if (left !== '0') await pause(20);
    return left === '0';
  }, SETTLED_MS, 'the end of every job').catch(() => null);
  return Number(left);
}

async function killPostmaster(step) {
  await pause(step.delay);
  restarting = true;
  await cluster.killPostmaster();
  cluster.start();
  restarting = false;
}

// Until the run is over: whoever comes back must not meet the point that killed the one before.
async function disarmWhenHit(run) {
  while (!run.over) {
    const names = hits();
    if (names.length > 0) arm('');
    run.hit.push(...names);
    await pause(2);
  }
}

async function one(step, peer) {
  const jobs = step.kinds.map((kind, i) => ({ run: step.run, ...kind, key: `${prefix(step.run)}${i}`, acknowledged: false }));
  const calls = Array.from({ length: CALLS }, (_, i) => ({ called: true, key: `${prefix(step.run)}call-${i}`, acknowledged: false }));
  const run = { hit: [], over: false };
  const began = performance.now();
  if (points[step.victim]) arm(`${step.victim} ${step.countdown}\n`);
  const watch = disarmWhenHit(run);
  await Promise.all([enqueue(jobs, peer.url), enqueue(calls, peer.url), step.victim === 'postmaster' && killPostmaster(step)]);
  await back();
  if (step.victim === 'leaving') {
    await askToLeave();
    await until(() => run.hit.length > 0, LEAVE_MS, 'a worker that leaves').catch(() => null);
    await back();
  }
  const left = await settle(step.run);
  // the last job may be recorded before the worker comes to its point
  arm('');
  await back();
  run.over = true;
  await watch;
  return { ...step, jobs, calls, left, hit: run.hit, ms: performance.now() - began };
}

// What was sent, what the table says and what the peer saw, side by side.
async function collect(done, peer, sink) {
  const rows = JSON.parse(await sql("SELECT coalesce(json_agg(j), '[]') FROM (SELECT key, idempotency_key, state, attempts, max_attempts, status, problem FROM vyricon.jobs WHERE kind IN ('http', 'mail') AND starts_with(key, 'run-')) AS j"));
  const events = JSON.parse(await sql(`SELECT coalesce(json_agg(e), '[]') FROM (SELECT j.key, array_agg(e.kind) AS kinds, bool_and(e.id IS NOT NULL) AS announced
    FROM vyricon.jobs AS j JOIN vyricon.events AS e ON e.ref = j.id::text AND e.kind LIKE 'job.%' WHERE starts_with(j.key, 'run-') GROUP BY j.key) AS e`));
  const eventsOf = new Map(events.map((of) => [of.key, of]));
  const byKey = Map.groupBy(rows, (row) => row.key);
  const mails = [...sink.ledger()].map(([id, entry]) => [id.split('@')[0], entry]);
  const ledger = new Map([...peer.ledger(), ...mails]);
  const unseen = { deliveries: 0, postponed: 0, effects: 0 };
  const jobs = done.flatMap((run) => run.jobs.map((job) => ({
    ...job, victim: run.victim, fault: job.mail ? sink.faultOf(job.key) : peer.faultOf(job.key), events: eventsOf.get(job.key), rows: byKey.get(job.key) ?? [], peer: ledger.get(byKey.get(job.key)?.[0].idempotency_key) ?? unseen,
  })));
  const sent = new Set(jobs.map((job) => job.key));
  const rowKeys = new Set(rows.map((row) => row.idempotency_key));
  return { jobs, strangers: [...[...byKey.keys()].filter((key) => !sent.has(key)), ...[...ledger.keys()].filter((key) => !rowKeys.has(key))] };
}

function judge(done, { jobs, strangers }, peer, sink) {
  const must = (name, wrong) => check(`jobs: ${name}`, wrong.length === 0, `${wrong.length} are wrong`, ...wrong.slice(0, 10));
  const some = (name, list, wrong) => { must(`${name} (${list.length})`, list.filter(wrong)); return list; };
  const known = jobs.filter((job) => job.acknowledged);
  const at = (state, of = jobs) => of.filter((job) => job.rows[0]?.state === state);
  const plain = jobs.filter((job) => job.plain);
  const repeated = (job) => job.peer.deliveries - job.peer.postponed > 1;
  const passes = (job) => !(job.mail ? mailFaults[job.fault?.mode] : faults[job.fault?.fault])?.always;

  some('every acknowledged one has exactly one row', known, (job) => job.rows.length !== 1);
  must('what was not acknowledged has at most one row, and nothing without a row was delivered', [...jobs.filter((job) => job.rows.length > 1), ...strangers]);
  must(`none is queued or in flight ${SETTLED_MS / 1000} s after its run`, done.filter((run) => run.left !== 0).map(({ run, victim, left }) => ({ run, victim, left })));
  must('each ends as done, failed or unknown', jobs.filter((job) => job.rows.some((row) => !ends.includes(row.state))));
  some('the end of each is one event, which was announced', jobs.filter((job) => job.rows.length > 0),
    (job) => !(job.events?.announced && job.events.kinds.join() === `job.${job.rows[0].state}`));
  some('each key has at most one effect, mails too', jobs, (job) => job.peer.effects > 1);
  some('a done one had exactly one effect', at('done'), (job) => job.peer.effects !== 1);
  some('a failed one had none', at('failed'), (job) => job.peer.effects !== 0);
  some('what had its effect is done or unknown', jobs.filter((job) => job.peer.effects > 0), (job) => !['done', 'unknown'].includes(job.rows[0]?.state));
  some('a plain one is never delivered twice, but after 429', plain, repeated);
  some('an unknown plain one was delivered at most once', at('unknown', plain), repeated);
  some('one that may be repeated is done when the peer\'s fault passes, unless its attempts are used up',
    known.filter((job) => !job.plain && passes(job)), (job) => !(job.rows[0]?.state === 'done' || job.rows[0]?.attempts >= job.rows[0]?.max_attempts));
  some('what the peer refuses fails, or is unknown when something was killed', known.filter((job) => !passes(job)),
    (job) => !(job.rows[0]?.state === 'failed' || (job.rows[0]?.state === 'unknown' && job.victim !== 'nothing')));
  must('nobody followed a redirect', peer.strays);

  const hit = done.flatMap((run) => run.hit);
  const planned = new Set(done.map((run) => run.victim).filter((victim) => points[victim]));
  const tally = Object.fromEntries([...planned].map((point) => [point, hit.filter((name) => name === point).length]));
  must(`the worker was killed at every point: ${JSON.stringify(tally)}`, [...planned].filter((point) => !tally[point]));
  const met = new Map([...peer.met, ...sink.met]);
  const meant = new Set(known.filter((job) => job.fault).map((job) => job.fault.fault ?? job.fault.mode));
  must(`the peers had every fault that the seed means: ${JSON.stringify(Object.fromEntries(met))}`, [...meant].filter((fault) => !met.has(fault)));
  note(`${known.length} of ${jobs.length} acknowledged, ${known.filter((job) => job.mail).length} of them mails: ${ends.map((state) => `${at(state).length} ${state}`).join(', ')}`);
}

async function judgeCalls(done) {
  const must = (name, wrong) => check(`jobs: ${name}`, wrong.length === 0, `${wrong.length} are wrong`, ...wrong.slice(0, 10));
  const rows = JSON.parse(await sql(`SELECT coalesce(json_agg(j), '[]') FROM (SELECT key, state, attempts, max_attempts, doubtful, problem,
    (SELECT count(*) FROM public.called AS c WHERE c.key = j.key)::int AS effects FROM vyricon.jobs AS j WHERE kind = 'sql' AND starts_with(key, 'run-')) AS j`));
  const byKey = Map.groupBy(rows, (row) => row.key);
  const known = done.flatMap((run) => run.calls).filter((call) => call.acknowledged);
  must(`every acknowledged call has exactly one row (${known.length})`, known.filter((call) => byKey.get(call.key)?.length !== 1));
  must(`a call has at most one effect (${rows.length})`, rows.filter((row) => row.effects > 1));
  must('it has one exactly when it is done', rows.filter((row) => (row.effects === 1) !== (row.state === 'done')));
  must('it is done, or its attempts are used up, and of none it is unknown', rows.filter((row) => row.doubtful || !(row.state === 'done' || (row.state === 'failed' && row.attempts === row.max_attempts))));
  must('no effect has no job', (await sql('SELECT key FROM public.called EXCEPT SELECT key FROM vyricon.jobs')).split('\n').filter(Boolean));
  note(`${rows.filter((row) => row.state === 'done').length} of ${rows.length} calls are done, in ${rows.reduce((sum, row) => sum + row.attempts, 0)} attempts`);
}

await part('jobs', async () => {
  const steps = plan(generator(seed));
  const began = performance.now();
  note(`jobs: RUNS=${runs} SEED=${seed}`);
  await cluster.takeOver();
  await sql(fixture);
  const peer = await startPeer({ seed });
  const choose = seededMailFaults(seed);
  const sink = { ...await startMailSink({ choose }), faultOf: choose };
  await sql(`ALTER SYSTEM SET vyricon.smtp_url = '${sink.smtpUrl}'`);
  await sql('SELECT pg_reload_conf()');
  arm('');
  hits();
  const done = [];
  for (const step of steps) {
    done.push(await one(step, peer));
    if (done.length % 50 === 0) note(`${done.length} runs, ${Math.round((performance.now() - began) / 1000)} s`);
  }
  judge(done, await collect(done, peer, sink), peer, sink);
  await judgeCalls(done);
  peer.close();
  sink.close();
  const times = done.map((run) => run.ms);
  note(`a run takes ${Math.round(median(times))} ms, at worst ${Math.round(Math.max(...times))}; ${Math.round((performance.now() - began) / 1000)} s in all`);
});
