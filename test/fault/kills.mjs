/*
 * kills.mjs: kill -9 of the shim, of a backend and of the postmaster, over and over, while clients write. KILLS= says how many (300); SEED=
 * repeats the victims, the moments and the targets of a run. What must hold: no acknowledged row is lost, none is there twice, nobody sees
 * another one's row, clients see only 200, 201, 503 and broken connections, and soon after each kill requests succeed again.
 */
import { Shim, check, cluster, generator, median, note, part, pause, seed, shuffle, until } from './lib/harness.mjs';
import { Traffic, users } from './lib/traffic.mjs';

const kills = Number(process.env.KILLS) || 300;
const CLIENTS = 8;
const DELAY_MS = 400; // a kill comes so long after the last recovery, at most

// Rows: which share of the kills, how, and within how many milliseconds a request must succeed again.
const victims = {
  shim: { share: 0.6, within: 2000, kill: ({ shim }) => shim.killAndRestart() },
  backend: { share: 0.3, within: 2000, kill: ({ target }) => cluster.killBackend(target) },
  postmaster: { share: 0.1, within: 5000, kill: async () => { await cluster.killPostmaster(); cluster.start(); } },
};

function plan(random) {
  const kinds = Object.entries(victims).flatMap(([kind, { share }]) => Array(Math.round(kills * share)).fill(kind)).slice(0, kills);
  while (kinds.length < kills) kinds.push('shim');
  return shuffle(kinds, random).map((kind) => ({ kind, delay: random.between(20, DELAY_MS), target: random.next() }));
}

// New requests, one after the other, until one is written: on connections of their own.
async function recovered(traffic, began, number) {
  await until(async () => {
    if (!cluster.isRunning()) throw new Error('the postmaster ended by itself: see server.log');
    return (await traffic.write(users[number % users.length])).ok;
  }, 60000, 'a write after a kill');
  return performance.now() - began;
}

async function killOne(step, number, shim, traffic) {
  await pause(step.delay);
  const inFlight = traffic.outstanding;
  const began = performance.now();
  const at = Date.now();
  await victims[step.kind].kill({ shim, target: step.target });
  const ms = await recovered(traffic, began, number);
  return { kind: step.kind, inFlight, ms, database: Math.max(0, cluster.readySince() - at) };
}

function judgeRecovery(done) {
  for (const [kind, { within }] of Object.entries(victims)) {
    const times = done.filter((kill) => kill.kind === kind).map((kill) => kill.ms);
    if (times.length === 0) continue;
    const waits = done.filter((kill) => kill.kind === kind).map((kill) => kill.database);
    const lags = times.map((ms, i) => ms - waits[i]);
    const late = done.filter((kill) => kill.kind === kind && kill.ms > within).map((kill) => `kill ${done.indexOf(kill) + 1}: ${Math.round(kill.ms)} ms, PostgreSQL ready after ${kill.database}`);
    check(`kills: after each of ${times.length} kills of the ${kind} a write succeeds within ${within} ms: median ${Math.round(median(times))}, worst ${Math.round(Math.max(...times))}`,
      late.length === 0, ...late);
    if (kind !== 'shim') note(`PostgreSQL itself is ready after ${Math.round(median(waits))} ms, at worst ${Math.max(...waits)}; the shim then takes ${Math.round(median(lags))} ms, at worst ${Math.round(Math.max(...lags))}`);
  }
}

function judgeLedger(traffic, verdict) {
  const { acknowledged, sent, wrong } = traffic;
  const some = (list) => list.slice(0, 10);
  check(`kills: all of ${acknowledged.size} acknowledged rows are there (of ${sent.size} sent; ${verdict.rows} in the table)`,
    verdict.lost.length === 0 && acknowledged.size > kills, `${verdict.lost.length} lost`, ...some(verdict.lost));
  check('kills: no row is there twice', verdict.twice.length === 0, ...some(verdict.twice));
  check(`kills: none of ${traffic.refused.size} writes that were refused is there`, verdict.refused.length === 0, ...some(verdict.refused));
  check('kills: every row belongs to who sent it, and is what was sent', [...verdict.foreign, ...verdict.unsent, ...verdict.garbled].length === 0, verdict);
  check('kills: every answer holds the caller\'s rows only', traffic.wrongOwners === 0, `${traffic.wrongOwners} answers with rows of others`);
  check(`kills: answers are 200, 201, 503 or a broken connection: ${JSON.stringify(traffic.counts)}`, wrong.length === 0, `${wrong.length} others`, ...some(wrong));
}

await part('kills', async () => {
  const random = generator(seed);
  const steps = plan(random);
  await cluster.takeOver();
  const shim = await new Shim(await cluster.conninfo()).start();
  const traffic = new Traffic(() => shim.port);
  const done = [];
  const began = performance.now();
  note(`kills: KILLS=${kills} SEED=${seed}`);
  await recovered(traffic, began, 0);
  traffic.start(CLIENTS, random);
  for (const [number, step] of steps.entries()) {
    done.push(await killOne(step, number, shim, traffic));
    if ((number + 1) % 50 === 0) note(`${number + 1} kills, ${traffic.acknowledged.size} rows acknowledged, ${Math.round((performance.now() - began) / 1000)} s`);
  }
  await traffic.stop();
  const hit = done.filter((kill) => kill.inFlight > 0).length;
  check(`kills: at least half of ${done.length} hit while a request was in flight: ${hit}, with ${(done.reduce((sum, kill) => sum + kill.inFlight, 0) / done.length).toFixed(1)} on average`,
    done.length === kills && hit * 2 >= done.length);
  judgeRecovery(done);
  judgeLedger(traffic, await traffic.judge());
  note(`slowest answer ${Math.round(traffic.slowest)} ms; ${Math.round((performance.now() - began) / 1000)} s in all`);
});
