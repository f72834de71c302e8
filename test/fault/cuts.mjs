/*
 * cuts.mjs: the network between shim and database, through a proxy that cuts, delays and swallows. What must hold: a read is answered wholly
 * and rightly or is 503; a write that was sent and whose answer did not come is 503 `outcome_unknown` and is never sent twice; and as soon as
 * the network is back, so is the shim, without help.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Shim, check, cluster, generator, median, note, part, pause, seed, sql, until } from './lib/harness.mjs';
import { Proxy } from './lib/proxy.mjs';
import { Traffic, ask, codeOf, rowsOf, users } from './lib/traffic.mjs';

const CUTS = 60; // of each kind, spread over all bytes of a message
const STORM_CUTS = 200; // while clients read and write
const ANSWER_TIMEOUT_MS = 1000;
const QUEUE_WAIT_MS = 1000;
const BACK_WITHIN_MS = 2000;
const BIG = 200000;

let proxy;
let shim;
const user = users[1];
const own = randomUUID();
const big = randomUUID();
const noteOf = { [own]: 'a small one', [big]: 'x'.repeat(BIG) };

const get = (id, options = {}) => ask(shim.port, 'GET', `/rest/v1/events?id=eq.${id}`, { user, ...options });
const post = (id, options = {}) => ask(shim.port, 'POST', '/rest/v1/events', { user, body: { id, batch: big, note: 'cut' }, ...options });
const isRight = (answer, id) => { const rows = rowsOf(answer.body ?? ''); return answer.status === 200 && rows?.length === 1 && rows[0].id === id && rows[0].user_id === user.id && rows[0].note === noteOf[id]; };
const name = (answer) => answer.error ?? (answer.status === 503 ? `503 ${codeOf(answer.body)}` : `${answer.status}`);
const tally = (list) => JSON.stringify(list.reduce((counts, what) => ({ ...counts, [what]: (counts[what] ?? 0) + 1 }), {}));

// All connections are there and idle, so that the next bytes are the next request's.
const settled = () => until(async () => Number(await sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'vyricon_shim' AND state = 'idle' AND query <> ''")) === 16
  && (await get(own)).status === 200, 10000, 'sixteen idle connections');

async function bytesOf(direction, exchange) {
  const before = proxy.bytes[direction];
  await exchange();
  return proxy.bytes[direction] - before;
}

async function back() {
  const began = performance.now();
  await until(async () => (await get(own)).status === 200 && (await post(randomUUID())).status === 201, 30000, 'an answer after healing');
  return performance.now() - began;
}

// Cut at CUTS places of a message; each time one read, whose second try finds the way free.
async function cutReads(direction, id, what) {
  await settled();
  const total = await bytesOf(direction, () => get(id));
  const answers = [];
  for (let i = 0; i < CUTS; i++) {
    await settled();
    const cut = proxy.cut(direction, Math.floor((i * total) / CUTS));
    const [answer] = await Promise.all([get(id), cut]);
    answers.push(answer);
  }
  const wrong = answers.filter((answer) => !isRight(answer, id) && answer.status !== 503);
  check(`cuts: a read is answered whole though ${what} (${total} bytes) is cut at ${CUTS} places: ${tally(answers.map(name))}`, wrong.length === 0, ...wrong.slice(0, 5));
  check(`cuts: such a read is repeated by the shim, when ${what} is cut`, answers.filter((answer) => isRight(answer, id)).length >= 0.9 * CUTS, tally(answers.map(name)));
}

// Its second try is cut as well.
async function cutReadsTwice() {
  await settled();
  const total = await bytesOf('down', () => get(big));
  const answers = [];
  for (let i = 0; i < 20; i++) {
    await settled();
    const cut = proxy.cut('down', Math.floor(total / 2), 2);
    answers.push(await get(big));
    proxy.disarm();
    await cut;
  }
  check(`cuts: a read that is cut twice is 503 database_unavailable: ${tally(answers.map(name))}`, answers.every((answer) => name(answer) === '503 database_unavailable'), tally(answers.map(name)));
}

async function cutWrites(direction, what) {
  await settled();
  const total = await bytesOf(direction, () => post(randomUUID()));
  const writes = [];
  for (let i = 0; i < CUTS; i++) {
    const id = randomUUID();
    await settled();
    const cut = proxy.cut(direction, Math.floor((i * total) / CUTS));
    const [answer] = await Promise.all([post(id), cut]);
    writes.push({ id, answer });
  }
  await settled();
  const found = new Map((await sql(`SELECT id, count(*) FROM public.events WHERE id IN (${writes.map(({ id }) => `'${id}'`)}) GROUP BY 1`)).split('\n').filter(Boolean).map((line) => line.split('|')));
  const counts = writes.map(({ id }) => Number(found.get(id) ?? 0));
  check(`cuts: a write whose ${what} (${total} bytes) is cut at ${CUTS} places is 503 outcome_unknown: ${tally(writes.map(({ answer }) => name(answer)))}`,
    writes.every(({ answer }) => name(answer) === '503 outcome_unknown'), tally(writes.map(({ answer }) => name(answer))));
  check(`cuts: such a write is done once or not at all: ${tally(counts.map((n) => `${n} rows`))}`, counts.every((n) => n <= 1), tally(counts));
  if (direction === 'up') check('cuts: a request that did not arrive whole is not done', counts.every((n) => n === 0), tally(counts));
}

async function cutsUnderLoad(random) {
  const traffic = new Traffic(() => shim.port, { readShare: 0.5, noteOf: (id) => id.repeat(20) });
  await settled();
  traffic.start(24, random);
  for (let i = 0; i < STORM_CUTS; i++) {
    await until(() => proxy.links.size > 0, 5000, 'a connection to cut');
    await proxy.cut(random.next() < 0.5 ? 'up' : 'down', random.below(20000));
    await pause(random.between(0, 20));
  }
  await traffic.stop();
  const ms = await back();
  const verdict = await traffic.judge();
  const { wrong, counts, wrongOwners } = traffic;
  check(`cuts: ${STORM_CUTS} cuts under 24 clients: only 200, 201 and 503: ${JSON.stringify(counts)}`,
    wrong.length === 0 && wrongOwners === 0 && Object.keys(counts).every((kind) => /^(200|201|503 (outcome_unknown|database_unavailable|overloaded))$/.test(kind)), ...wrong.slice(0, 10));
  check(`cuts: under load all of ${traffic.acknowledged.size} acknowledged rows are there, none twice, none refused, none of others (of ${traffic.sent.size} sent; ${verdict.rows} in the table)`,
    [verdict.lost, verdict.twice, verdict.refused, verdict.foreign, verdict.unsent, verdict.garbled].every((list) => list.length === 0) && traffic.acknowledged.size > STORM_CUTS, verdict);
  check(`cuts: the shim is back ${Math.round(ms)} ms after the last cut (at most ${BACK_WITHIN_MS})`, ms <= BACK_WITHIN_MS);
}

async function slowNetwork() {
  await settled();
  proxy.delay = 100;
  const answers = await Promise.all(Array.from({ length: 20 }, () => [get(own), post(randomUUID())]).flat());
  check(`cuts: with 100 ms more each way every answer is right: ${tally(answers.map(name))}, between ${Math.round(Math.min(...answers.map(({ ms }) => ms)))} and ${Math.round(Math.max(...answers.map(({ ms }) => ms)))} ms`,
    answers.every((answer, i) => (i % 2 === 0 ? isRight(answer, own) : answer.status === 201) && answer.ms >= 200), tally(answers.map(name)));
  proxy.heal();
  proxy.piece = 1;
  const pieces = [];
  for (let i = 0; i < 5; i++) pieces.push(await get(own), await post(randomUUID()));
  check(`cuts: byte by byte every answer is right: ${tally(pieces.map(name))}`, pieces.every((answer, i) => (i % 2 === 0 ? isRight(answer, own) : answer.status === 201)), tally(pieces.map(name)));
  proxy.heal();
}

async function blackHole() {
  const most = 2 * ANSWER_TIMEOUT_MS + QUEUE_WAIT_MS + 500;
  const ids = Array.from({ length: 20 }, () => randomUUID());
  // what was slow on the slow network keeps to few connections until it has been fast for a while
  for (let i = 0; i < 40; i++) await Promise.all([get(own), post(randomUUID())]);
  await settled();
  proxy.swallow();
  const [reads, writes] = await Promise.all([Promise.all(ids.map(() => get(own))), Promise.all(ids.map((id) => post(id)))]);
  const later = await Promise.all([get(own), post(randomUUID())]);
  const all = [...reads, ...writes, ...later];
  check(`cuts: in a black hole reads are 503: ${tally(reads.map(name))}`, reads.every(({ status }) => status === 503), tally(reads.map(name)));
  check(`cuts: in a black hole writes are outcome_unknown when they were sent, and refused when they waited: ${tally(writes.map(name))}`,
    writes.every((answer) => /^503 (outcome_unknown|overloaded|database_unavailable)$/.test(name(answer))) && writes.some((answer) => name(answer) === '503 outcome_unknown'));
  check(`cuts: in a black hole all know within ${Math.round(Math.max(...all.map(({ ms }) => ms)))} ms (at most ${most})`, all.every(({ ms, status }) => status === 503 && ms <= most), tally(later.map(name)));
  proxy.heal();
  const ms = await back();
  check(`cuts: after a black hole the shim is back within ${Math.round(ms)} ms (at most ${BACK_WITHIN_MS})`, ms <= BACK_WITHIN_MS);
  await settled();
  const found = (await sql(`SELECT id, count(*) FROM public.events WHERE id IN (${ids.map((id) => `'${id}'`)}) GROUP BY id`)).split('\n').filter(Boolean).map((line) => line.split('|'));
  check(`cuts: of the black hole's ${ids.length} writes none was done twice, and none that was refused`,
    found.every(([id, count]) => count === '1' && name(writes[ids.indexOf(id)]) === '503 outcome_unknown'), found);
}

async function refused() {
  const times = [];
  const backs = [];
  for (let i = 0; i < 5; i++) {
    proxy.refuse();
    const answers = await Promise.all([get(own), post(randomUUID()), get(own)]);
    times.push(...answers.map((answer) => (answer.status === 503 ? answer.ms : Infinity)));
    proxy.heal();
    backs.push(await back());
    await settled();
  }
  check(`cuts: while the database refuses connections the answer is 503 within ${Math.round(Math.max(...times))} ms (at most ${QUEUE_WAIT_MS + 500})`, times.every((ms) => ms <= QUEUE_WAIT_MS + 500), times);
  check(`cuts: then the shim is back within ${Math.round(Math.max(...backs))} ms, median ${Math.round(median(backs))} (at most ${BACK_WITHIN_MS})`, backs.every((ms) => ms <= BACK_WITHIN_MS), backs);
}

await part('cuts', async () => {
  const random = generator(seed);
  note(`cuts: SEED=${seed}`);
  proxy = await Proxy.start(join(await cluster.socketFolder(), `.s.PGSQL.${process.env.PGPORT}`));
  shim = await new Shim(`host=127.0.0.1 port=${proxy.port} dbname=${process.env.PGDATABASE} user=vyricon_shim`,
    ['--answer-timeout', String(ANSWER_TIMEOUT_MS), '--queue-wait', String(QUEUE_WAIT_MS)]).start();
  await sql(Object.entries(noteOf).map(([id, text]) => `INSERT INTO public.events VALUES ('${id}', '${user.id}', '${big}', '${text}');`).join('\n'));
  await cutReads('down', own, 'the result');
  await cutReads('down', big, 'a big result');
  await cutReads('up', own, 'the request');
  await cutReadsTwice();
  await cutWrites('down', 'result');
  await cutWrites('up', 'request');
  await cutsUnderLoad(random);
  await slowNetwork();
  await blackHole();
  await refused();
  note(`cuts: ${proxy.cuts} cuts in all`);
  await shim.stop();
  proxy.stop();
});
