/*
 * overload.mjs: ten times as many requests as can be answered, on a fixed timetable that does not wait (open loop): what is admitted is still
 * answered in time, the rest is refused at once, and when it is over it is over. The route costs a few milliseconds of the database's time, so
 * that the machine is not taken by the load generator. Times count from when the timetable wanted the request.
 */
import { Shim, check, cluster, note, part, sql } from './lib/harness.mjs';
import { ask, load, users } from './lib/traffic.mjs';

const FACTOR = 10;
const SECONDS = 5;

// So many turns of the loop as cost about three milliseconds on this machine.
async function turnsFor(ms) {
  const took = Number(await sql(`SET client_min_messages = error; CREATE TEMP TABLE t AS SELECT clock_timestamp() AS began; SELECT public.slow_thing(1, 1000000); INSERT INTO t SELECT clock_timestamp();
    SELECT extract(epoch FROM max(began) - min(began)) * 1000 FROM t`).then((text) => text.split('\n').at(-1)));
  return Math.round((1000000 * ms) / took);
}

await part('overload', async () => {
  const turns = await turnsFor(3);
  const path = `/rest/v1/rpc/slow_thing?id={id}&turns=${turns}`;
  const shim = await new Shim(await cluster.conninfo()).start();
  await load(shim.port, path, { connections: 16, seconds: 1 });
  const peak = await load(shim.port, path, { connections: 16, seconds: SECONDS });
  const over = await load(shim.port, path, { connections: 1024, seconds: SECONDS, rate: FACTOR * peak.rps });
  const ended = performance.now();
  let healthy = null;
  while (healthy === null && performance.now() - ended < 10000) {
    const answer = await ask(shim.port, 'GET', path.replace('{id}', '1'), { user: users[1] });
    if (answer.status === 200 && answer.ms < 50) healthy = performance.now() - ended;
  }
  const p99 = over.latency.p99_us / 1000;
  const refusal = over.refusals.p99_us / 1000;
  note(`peak ${Math.round(peak.rps)} requests/s of ${turns} turns; offered ${Math.round(FACTOR * peak.rps)}/s for ${SECONDS} s: ${over.ok} answered, ${over.refused} refused, ${over.unsent} not sent for want of a free connection`);
  check(`overload: goodput is at least 80 % of the peak: ${Math.round((100 * over.rps) / peak.rps)} %`, over.rps >= 0.8 * peak.rps);
  check(`overload: p99 of what is admitted is under 200 ms: ${p99.toFixed(0)} ms`, p99 < 200);
  check(`overload: refusals come within 50 ms at p99: ${refusal.toFixed(1)} ms of ${over.refused}`, over.refused > 0 && refusal < 50);
  check(`overload: no answer is wrong`, over.errors === 0, over.first_error);
  check(`overload: healthy again within 5 s: ${healthy === null ? 'never' : `${healthy.toFixed(0)} ms`}`, healthy !== null && healthy < 5000);
  check(`overload: the shim stays under 64 MiB: ${shim.memory('VmHWM').toFixed(1)} MiB`, shim.memory('VmHWM') < 64);
});
