/* report.mjs: the readable table, and the gates. */
import { readFileSync } from 'node:fs';

const rate = (n) => (n >= 10000 ? `${(n / 1000).toFixed(1)}k` : n >= 1000 ? `${(n / 1000).toFixed(2)}k` : String(Math.round(n)));
const cell = (t) => (t ? `${rate(t.rps)} (${Math.round(t.cpu_us_shim + t.cpu_us_db)})` : '-');

export function printTable({ workloads, latency, memory, settings, errors }, say) {
  const names = Object.keys(workloads);
  const row = (title, cells) => say(title.padEnd(46) + cells.map((c) => c.padStart(16)).join(''));
  say(`\nrequests per second (CPU microseconds per request, server + database); medians of ${settings.rounds} rounds of ${settings.seconds} s at ${settings.connections} connections`);
  row('', names);
  row('floor (pgbench -M prepared; libmicrohttpd hello)', names.map((w) => cell(workloads[w].floor)));
  row("PostgREST's four statements, no HTTP", names.map((w) => cell(workloads[w].peers.postgrest_sql)));
  row('Vyricon', names.map((w) => cell(workloads[w].vyricon)));
  row('  of that, shim + database', names.map((w) => (workloads[w].vyricon ? `${workloads[w].vyricon.cpu_us_shim.toFixed(1)} + ${workloads[w].vyricon.cpu_us_db.toFixed(1)}` : '-')));
  row('Fastify + pg, hand-written, one process', names.map((w) => cell(workloads[w].peers.fastify)));
  row('Next.js + drizzle, one process', names.map((w) => cell(workloads[w].peers.next)));
  row('ratio to the floor', names.map((w) => workloads[w].ratio?.toFixed(2) ?? '-'));
  row('  lowest and highest round', names.map((w) => (workloads[w].ratio ? `${workloads[w].ratio_min.toFixed(2)}-${workloads[w].ratio_max.toFixed(2)}` : '-')));
  if (latency) {
    say('\nlatency of Vyricon in ms: p50 / p99 / max');
    for (const at of ['1', '8', '32', '128', 'twice'])
      row(at === 'twice' ? 'timetable of twice the capacity, admitted' : `${at} connections`, names.map((w) => {
        const l = latency[w][at];
        return `${l.p50_ms.toFixed(1)}/${l.p99_ms.toFixed(1)}/${l.max_ms.toFixed(0)}`;
      }));
    row('  admitted and refused per 100', names.map((w) => {
      const l = latency[w].twice;
      const admitted = l.rps * settings.latency_seconds;
      const all = admitted + l.refused + l.unsent || 1;
      return `${Math.round((100 * admitted) / all)} and ${Math.round((100 * l.refused) / all)}`;
    }));
    row('  refusals p99', names.map((w) => latency[w].twice.refusal_p99_ms.toFixed(1)));
    say(`\nmemory: shim ${memory.shim_idle_mib.toFixed(1)} MiB idle, ${memory.shim_loaded_mib.toFixed(1)} MiB at most; a backend at most ${memory.backend_private_mib.toFixed(1)} MiB private`);
  }
  say(`errors: ${errors}; took ${settings.took_seconds} s`);
}

/* True when every gate that was measured holds. */
export function judge(result, file, say) {
  let good = true;
  say('\ngate');
  for (const gate of JSON.parse(readFileSync(file, 'utf8'))) {
    const value = gate.path.split('.').reduce((at, key) => at?.[key], result);
    if (value === undefined || Number.isNaN(value)) continue;
    const holds = 'least' in gate ? value >= gate.least : value <= gate.most;
    good &&= holds;
    say(`  ${holds ? 'holds ' : 'MISSED'}  ${gate.what.padEnd(46)} ${value.toFixed(2).padStart(9)}  gate ${'least' in gate ? '>=' : '<='} ${gate.least ?? gate.most}, goal ${gate.goal}`);
  }
  return good;
}
