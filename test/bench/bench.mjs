/*
 * bench.mjs: floor, Vyricon and its peers in one interleaved run: in every round each target does every workload once, in an order that turns,
 * so that a noisy neighbour hits all of them; ratios are taken within a round, and their median counts. Rounds are short and many, since
 * what disturbs a machine lasts for seconds: two seconds side by side see more of the same machine than four.
 */
import { writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as db from './database.mjs';
import { kib } from './proc.mjs';
import { judge, printTable } from './report.mjs';
import { load, serves, startServer, stopServers, targets, workloads, writeFiles } from './targets.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const quick = Boolean(process.env.QUICK && process.env.QUICK !== '0');
const chosen = (list, variable) => list.filter((name) => !process.env[variable] || process.env[variable].split(/[ ,]+/).includes(name));
const names = chosen(Object.keys(targets), 'TARGETS');
const works = chosen(Object.keys(workloads), 'WORKLOADS');
const settings = {
  rounds: Number(process.env.ROUNDS) || (quick ? 3 : 9), seconds: quick ? 1 : 2, latency_seconds: quick ? 1 : 4, connections: 32, quick,
  users: 1000, rows: 100000, tokens: 'HS256, one per user, in rotation; verified tokens are cached by Vyricon and Fastify',
  logs: 'off: vyricon serve --log off, Fastify logger: false, Next.js has no request log in production',
  processes: 'one server process per target; all on the Unix socket of one cluster',
};
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const say = (text) => process.stdout.write(`${text}\n`);

/* What creating leaves is taken away, so that every target finds the same table. */
function tidy() {
  db.sql('DELETE FROM public.tours WHERE id > 100000');
  db.sql('VACUUM ANALYZE public.tours');
  db.sql('CHECKPOINT');
}

async function measure(name, workload, seconds) {
  const target = targets[name];
  const result = workload in target.paths
    ? await load(name, workload, { connections: settings.connections, seconds })
    : await db.pgbench(db.script(target.scripts, workload), settings.connections, seconds);
  if (workload === 'create') tidy();
  return result;
}

/* The checker must find fault with wrong answers, and the floor must do what it is said to do; otherwise no figure means anything. */
async function prove() {
  for (const workload of works.filter((w) => w !== 'static' && names.includes('floor')))
    db.checkWithPgbench(db.checkingScript('floor', workload, workloads[workload].rows));
  tidy();
  const web = names.find((name) => 'one' in targets[name].paths);
  if (!web) return;
  const trials = [
    ['an answer with another owner', 'owner', { tokens: 'tokens-wrong' }],
    ['another row', 'id', { path: targets[web].paths.one.replace('{id}', '1') }],
    ['a missing path', 'status', { path: '/missing/{id}' }],
  ];
  for (const [what, kind, options] of trials) {
    const { report } = await load(web, 'one', { connections: 4, seconds: 0.1, ...options });
    if (report[kind] === 0 && !(kind === 'id' && report.status > 0)) throw new Error(`the checker accepts ${what}: ${JSON.stringify(report)}`);
  }
}

async function runRounds() {
  const results = Object.fromEntries(works.map((w) => [w, Object.fromEntries(names.filter((n) => serves(targets[n], w)).map((n) => [n, []]))]));
  for (const name of names) for (const w of works) if (serves(targets[name], w) && w in targets[name].paths) await measure(name, w, quick ? 0.7 : 2);
  for (let round = 0; round < settings.rounds; round++)
    for (const workload of works) {
      const order = Object.keys(results[workload]);
      for (let i = 0; i < order.length; i++) {
        const name = order[(i + round) % order.length];
        const result = await measure(name, workload, settings.seconds);
        results[workload][name].push(result);
        if (result.first_error) say(`  ${name} ${workload}: ${result.first_error}`);
      }
      say(`round ${round + 1} ${workload.padEnd(6)} ${order.map((n) => `${n} ${Math.round(results[workload][n].at(-1).rps)}`).join('  ')}`);
    }
  return results;
}

function summarize(rounds) {
  const summary = {};
  for (const key of ['rps', 'p50_ms', 'p99_ms', 'max_ms', 'cpu_us_shim', 'cpu_us_db']) summary[key] = median(rounds.map((r) => r[key]));
  summary.errors = rounds.reduce((sum, r) => sum + r.errors, 0);
  summary.rounds = rounds.map(({ report, first_error, ...r }) => r);
  return summary;
}

function compare(results) {
  const compared = {};
  for (const [workload, byTarget] of Object.entries(results)) {
    const { floor, vyricon, ...peers } = byTarget;
    const ratios = (other) => (vyricon && other ? vyricon.map((r, i) => r.rps / other[i].rps) : []);
    const row = (compared[workload] = { floor: floor && summarize(floor), vyricon: vyricon && summarize(vyricon), peers: {}, against: {} });
    for (const [name, rounds] of Object.entries(peers)) {
      row.peers[name] = summarize(rounds);
      row.against[name] = median(ratios(rounds));
    }
    const all = ratios(floor);
    if (all.length) Object.assign(row, { ratio: median(all), ratio_min: Math.min(...all), ratio_max: Math.max(...all) });
  }
  return compared;
}

/* Every route class at 1 to 128 connections, and on a timetable of twice what it can do. */
async function latencies(compared) {
  const latency = { worst_p99_ms: 0, worst_refusal_p99_ms: 0, errors: 0 };
  const note = (workload, key, r, more = {}) => {
    latency[workload] = { ...latency[workload], [key]: { rps: r.rps, p50_ms: r.p50_ms, p99_ms: r.p99_ms, max_ms: r.max_ms, errors: r.errors, ...more } };
    latency.worst_p99_ms = Math.max(latency.worst_p99_ms, r.p99_ms);
    latency.errors += r.errors;
    if (r.first_error) say(`  vyricon ${workload} at ${key}: ${r.first_error}`);
  };
  for (const workload of works) {
    for (const connections of [1, 8, 32, 128]) note(workload, connections, await load('vyricon', workload, { connections, seconds: settings.latency_seconds }));
    const rate = 2 * compared[workload].vyricon.rps;
    const twice = await load('vyricon', workload, { connections: 1024, seconds: settings.latency_seconds, rate });
    const { refused, unsent, refusals } = twice.report;
    note(workload, 'twice', twice, { rate, refused, unsent, refusal_p99_ms: refusals.p99_us / 1000, refusal_max_ms: refusals.max_us / 1000 });
    latency.worst_refusal_p99_ms = Math.max(latency.worst_refusal_p99_ms, refusals.p99_us / 1000);
    if (workload === 'create') tidy();
  }
  return latency;
}

/* Private pages of each backend; of them, clean ones are pages of files that nobody else has touched yet. */
function memoryOfBackends(...kinds) {
  const pids = db.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'vyricon_shim'").split('\n').filter(Boolean);
  return pids.map((pid) => kib(pid, 'smaps_rollup', ...kinds) / 1024);
}

async function main() {
  const started = Date.now();
  const memory = {};
  writeFiles();
  for (const name of names) if (targets[name].start) await startServer(name);
  if (targets.vyricon.pid) memory.shim_idle_mib = kib(targets.vyricon.pid, 'status', 'VmRSS') / 1024;
  await prove();
  const compared = compare(await runRounds());
  const latency = names.includes('vyricon') ? await latencies(compared) : undefined;
  if (latency) {
    memory.shim_loaded_mib = kib(targets.vyricon.pid, 'status', 'VmHWM') / 1024;
    memory.backends_private_mib = memoryOfBackends('Private_Clean', 'Private_Dirty');
    memory.backends_clean_mib = memoryOfBackends('Private_Clean');
    memory.backend_private_mib = Math.max(0, ...memory.backends_private_mib);
  }
  const errors = (latency?.errors ?? 0) +
    Object.values(compared).reduce((sum, w) => sum + [w.floor, w.vyricon, ...Object.values(w.peers)].reduce((s, t) => s + (t?.errors ?? 0), 0), 0);
  const machine = { cpu: cpus()[0].model, cores: cpus().length, memory_mib: Math.round(totalmem() / 2 ** 20), kernel: release(), node: process.version, postgresql: db.sql('SHOW server_version') };
  for (const name of ['fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_connections']) settings[name] = db.sql(`SHOW ${name}`);
  settings.took_seconds = Math.round((Date.now() - started) / 1000);
  const result = { machine, settings, errors, workloads: compared, latency, memory };
  writeFileSync(join(here, 'out/result.json'), `${JSON.stringify(result, null, 2)}\n`);
  printTable(result, say);
  process.exitCode = judge(result, join(here, 'gates.json'), say) ? 0 : 1;
}

try {
  await main();
} finally {
  await stopServers();
}
