/*
 * disk_full.mjs: the whole cluster is on a small file system (FAULT_DISK), which is filled to the last byte. What must hold: inserts fail with
 * 5xx and leave nothing, also those of many rows; reads are answered; as soon as there is space again inserts succeed; every acknowledged row
 * is there, also after the database was killed. First the tables find no space, at last the write-ahead log: then PostgreSQL itself
 * stops, and has to be started when there is space.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, statfsSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Shim, check, cluster, generator, note, part, seed, sql, until } from './lib/harness.mjs';
import { Traffic, ask, codeOf, rowsOf, users } from './lib/traffic.mjs';

const BATCH_ROWS = 50;
const TRIES = 100;
const BACK_WITHIN_MS = 2000;
const LOG_BACK_WITHIN_MS = 5000;
const filler = join(process.env.FAULT_DISK, 'filler');
const mib = (bytes) => Math.round(bytes / 1048576);
const free = () => { const { bavail, bsize } = statfsSync(process.env.FAULT_DISK); return bavail * bsize; };
const tally = (list) => JSON.stringify(list.reduce((counts, what) => ({ ...counts, [what]: (counts[what] ?? 0) + 1 }), {}));
const name = (answer) => answer.error ?? (answer.status >= 400 ? `${answer.status} ${codeOf(answer.body)}` : String(answer.status));

let shim;
const acknowledged = new Set();
const sent = new Set();
const user = users[2];

function fill() {
  const file = openSync(filler, 'a');
  for (const size of [1 << 20, 1 << 12, 1]) {
    const bytes = Buffer.alloc(size, 'x');
    try {
      for (;;) writeSync(file, bytes);
    } catch (error) {
      if (error.code !== 'ENOSPC') throw error;
    }
  }
  closeSync(file);
}

// A batch is one statement: all of its rows or none.
async function insertBatch(port = shim.port) {
  const batch = randomUUID();
  sent.add(batch);
  const rows = Array.from({ length: BATCH_ROWS }, (_, i) => ({ id: randomUUID(), batch, note: `${i} ${'y'.repeat(1000)}` }));
  const answer = await ask(port, 'POST', '/rest/v1/events', { user, body: rows });
  const got = answer.status === 201 ? rowsOf(answer.body) : null;
  if (got?.length === BATCH_ROWS && got.every((row, i) => row.id === rows[i].id && row.user_id === user.id)) acknowledged.add(batch);
  else if (answer.status === 201) answer.error = 'a wrong 201';
  return answer;
}

const readBatch = (batch) => ask(shim.port, 'GET', `/rest/v1/events?batch=eq.${batch}&select=id`, { user });

async function judgeBatches(when) {
  const counts = new Map((await sql('SELECT batch, count(*) FROM public.events WHERE batch IS NOT NULL GROUP BY 1')).split('\n').filter(Boolean).map((line) => line.split('|')));
  const halves = [...counts].filter(([batch, count]) => Number(count) !== BATCH_ROWS || !sent.has(batch));
  const lost = [...acknowledged].filter((batch) => !counts.has(batch));
  check(`disk: ${when}, all of ${acknowledged.size} acknowledged batches are there, of ${sent.size} sent`, lost.length === 0 && acknowledged.size > 0, ...lost.slice(0, 5));
  check(`disk: ${when}, no batch is there in part (${counts.size} in the table)`, halves.length === 0, ...halves.slice(0, 5).map(String));
  return counts;
}

async function backWithin(most, when) {
  const began = performance.now();
  await until(async () => (await insertBatch()).status === 201, 60000, 'an insert after there is space');
  const ms = performance.now() - began;
  check(`disk: ${when}, an insert succeeds after ${Math.round(ms)} ms (at most ${most})`, ms <= most);
}

async function tablesFull() {
  fill();
  // what the files of the table still hold is used up first
  await until(async () => (await insertBatch()).status >= 500, 30000, 'an insert that fails');
  const [last] = [...acknowledged].slice(-1);
  const answers = [];
  const reads = [];
  for (let i = 0; i < TRIES; i++) {
    const [answer, read] = await Promise.all([insertBatch(), readBatch(last)]);
    answers.push(answer);
    reads.push(read);
  }
  check(`disk: full (${free()} bytes free), ${TRIES} inserts fail with 5xx: ${tally(answers.map(name))}`, answers.every(({ status }) => status >= 500 && status <= 599), tally(answers.map(name)));
  check(`disk: full, ${TRIES} reads between them are answered rightly: ${tally(reads.map(name))}`, reads.every(({ status, body }) => status === 200 && rowsOf(body)?.length === BATCH_ROWS), tally(reads.map(name)));
  await judgeBatches('full');
  unlinkSync(filler);
  await backWithin(BACK_WITHIN_MS, 'with space again');
  await judgeBatches('with space again');
}

// Small rows, while the disk fills again and again under them.
async function fillsUnderLoad() {
  const traffic = new Traffic(() => shim.port, { noteOf: (id) => id.repeat(30) });
  traffic.start(6, generator(seed));
  for (let i = 0; i < 5; i++) {
    const before = traffic.counts['503 53100'] ?? 0;
    fill();
    await until(() => (traffic.counts['503 53100'] ?? 0) > before + 20, 20000, 'inserts of the traffic that fail');
    const written = traffic.acknowledged.size;
    unlinkSync(filler);
    await until(() => traffic.acknowledged.size > written + 20, 20000, 'inserts of the traffic that succeed');
  }
  await traffic.stop();
  const verdict = await traffic.judge();
  const bad = [verdict.lost, verdict.twice, verdict.refused, verdict.foreign, verdict.unsent, verdict.garbled];
  check(`disk: filled 5 times under load, answers are 200, 201 and 503: ${JSON.stringify(traffic.counts)}`, traffic.wrong.length === 0, ...traffic.wrong.slice(0, 5));
  check(`disk: filled 5 times under load, all of ${traffic.acknowledged.size} acknowledged rows are there, none twice, none of ${traffic.refused.size} refused ones`, bad.every((list) => list.length === 0) && traffic.wrongOwners === 0, verdict);
}

// The write-ahead log finds no space: PostgreSQL stops. What it acknowledged before must be there when it can run again.
async function logFull() {
  fill();
  const answers = [];
  await until(async () => {
    await sql("SELECT pg_logical_emit_message(false, 'fault', repeat('z', 1000000)) FROM generate_series(1, 4)").catch(() => {});
    answers.push(await insertBatch());
    return !cluster.isRunning() || answers.length >= 100;
  }, 60000, 'PostgreSQL to stop without space for its log');
  const stopped = !cluster.isRunning();
  note(`disk: without space for its log PostgreSQL ${stopped ? 'stops' : 'goes on'}; inserts: ${tally(answers.map(name))}`);
  check('disk: without space for the log no insert gets anything but 201 or 503', answers.every(({ status }) => status === 201 || status === 503), tally(answers.map(name)));
  if (!stopped) await cluster.killPostmaster();
  unlinkSync(filler);
  cluster.start();
  await backWithin(LOG_BACK_WITHIN_MS, 'after PostgreSQL stopped for want of space and is started');
  await judgeBatches('after PostgreSQL stopped for want of space and is started');
}

await part('disk', async () => {
  await cluster.takeOver();
  shim = await new Shim(await cluster.conninfo()).start();
  await until(async () => (await insertBatch()).status === 201, 10000, 'the first insert');
  for (let i = 0; i < 20; i++) await insertBatch();
  note(`disk: ${mib(free())} MiB free before`);
  await tablesFull();
  await fillsUnderLoad();
  await logFull();
  await shim.stop();
});
