/* database.mjs: the cluster under test: psql, who its processes are, and pgbench as a source of load. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { treeCpu } from './proc.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const bin = process.env.PG_BINDIR;

export function sql(text) {
  return execFileSync(join(bin, 'psql'), ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', process.env.DATABASE_URL, '-c', text], { encoding: 'utf8' }).trim();
}

/* Everybody, the floor included, comes by the Unix socket, as a shim beside its database does. */
export const socket = { host: sql("SELECT split_part(current_setting('unix_socket_directories'), ',', 1)"), port: Number(sql('SHOW port')) };
export const postmaster = Number(readFileSync(join(sql('SHOW data_directory'), 'postmaster.pid'), 'latin1').split('\n')[0]);
const database = sql('SELECT current_database()');
const user = sql('SELECT current_user');

export const superuserUrl = `postgresql://${user}@/${database}?host=${encodeURIComponent(socket.host)}&port=${socket.port}`;
export const shimConninfo = `host=${socket.host} port=${socket.port} dbname=${database} user=vyricon_shim`;

/* A script is what a session does once, and what it does each time. */
function writeScript(folder, name, text) {
  const path = join(here, 'out', `${folder}-${name}.sql`);
  writeFileSync(path, readFileSync(join(here, folder, 'identify.inc'), 'utf8') + text);
  return path;
}

export function script(folder, workload) {
  return writeScript(folder, workload, readFileSync(join(here, folder, `${workload}.sql`), 'utf8'));
}

/* The same script, where the measured statement must return this many rows, all the caller's own; a division by zero ends the run. */
export function checkingScript(folder, workload, rows) {
  const text = readFileSync(join(here, folder, `${workload}.sql`), 'utf8');
  const [before, measured] = text.split('-- measured\n');
  return writeScript(folder, `${workload}-check`,
    `${before}WITH answer AS (${measured.trim().replace(/;$/, '')})\n` +
    `SELECT 1 / (count(*) = ${rows} AND bool_and(user_id = auth.uid()))::int FROM answer;\n`);
}

function pgbenchArguments(path, connections, more) {
  return ['-n', '-M', 'prepared', '-c', connections, '-j', 2, '-D', 'ready=0', '-f', path, '-h', socket.host, '-p', socket.port, '-U', user, ...more, database];
}

export function checkWithPgbench(path) {
  execFileSync(join(bin, 'pgbench'), pgbenchArguments(path, 8, ['-t', 50]).map(String), { stdio: ['ignore', 'ignore', 'pipe'] });
}

function readLatencies(prefix) {
  const times = [];
  for (const name of readdirSync(join(here, 'out', 'log')).filter((n) => n.startsWith(prefix)))
    for (const line of readFileSync(join(here, 'out', 'log', name), 'latin1').split('\n')) if (line) times.push(Number(line.split(' ')[2]));
  times.sort((a, b) => a - b);
  const at = (p) => (times[Math.min(times.length - 1, Math.floor(p * times.length))] ?? 0) / 1000;
  return { p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1) };
}

/*
 * Runs a script for this long, after a first second that does not count: pgbench's sessions are new, those of the others are not.
 * Latencies are of one transaction in twenty, so that writing them costs nothing that could be seen.
 */
export async function pgbench(path, connections, seconds) {
  const logs = join(here, 'out', 'log');
  rmSync(logs, { recursive: true, force: true });
  mkdirSync(logs, { recursive: true });
  const args = pgbenchArguments(path, connections, ['-T', Math.ceil(seconds) + 1, '-P', 1, '-l', '--sampling-rate=0.05', `--log-prefix=${join(logs, 'b')}`]);
  const child = spawn(join(bin, 'pgbench'), args.map(String), { stdio: ['ignore', 'pipe', 'pipe'] });
  const done = new Promise((resolve) => child.on('close', resolve));
  let out = '';
  let err = '';
  let warm;
  child.stdout.on('data', (data) => (out += data));
  child.stderr.on('data', (data) => {
    err += data;
    const first = /progress: ([\d.]+) s, ([\d.]+) tps/.exec(err);
    if (first && !warm) warm = { cpu: treeCpu(postmaster), at: process.hrtime.bigint(), n: Number(first[1]) * Number(first[2]), seconds: Number(first[1]) };
  });
  const status = await done;
  const processed = /actually processed: (\d+)/.exec(out);
  if (status !== 0 || !processed || !warm || /failed transactions: [1-9]/.test(out)) throw new Error(`pgbench ${path}: ${err}${out}`);
  const cpu = treeCpu(postmaster) - warm.cpu;
  const requests = Number(processed[1]) - warm.n;
  return { rps: requests / (Math.ceil(seconds) + 1 - warm.seconds), cpu_us_shim: 0, cpu_us_db: cpu / requests, errors: 0, ...readLatencies('b') };
}
