/* targets.mjs: what is measured: workloads, targets and how each answers which workload, as rows; and how servers are started. */
import { execFile, spawn } from 'node:child_process';
import { openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as db from './database.mjs';
import { treeCpu } from './proc.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, 'out');
export const staticFolder = join(here, 'peers/next/public');
const staticFile = join(staticFolder, 'hello.txt');
const body = JSON.stringify({ title: 'Tour {n}', description: 'A small group, a good pace and coffee at the end.', price_cents: 1500, seats: 12, starts_on: '2027-05-01' });

export const workloads = {
  one: { rows: 1, status: 200 },
  list: { rows: 20, status: 200 },
  create: { rows: 1, status: 201 },
  static: { status: 200 },
};

const ourPaths = {
  one: '/rest/v1/tours?id=eq.{id}',
  list: '/rest/v1/tours?order=created_at.desc,id.desc&limit=20',
  create: '/rest/v1/tours',
  static: '/hello.txt',
};
const peerPaths = { one: '/tours/{id}', list: '/tours', create: '/tours', static: '/hello.txt' };

/* Without paths: pgbench. The floor of static is libmicrohttpd's hello. */
export const targets = {
  floor: { scripts: 'floor', paths: { static: '/hello.txt' }, start: (port) => [join(out, 'hello'), [port, staticFile]] },
  vyricon: {
    paths: ourPaths,
    start: (port) => [process.env.VYRICON_BIN, ['serve', '--port', port, '--log', 'off', '--static', staticFolder, '--database', db.shimConninfo]],
  },
  postgrest_sql: { scripts: 'postgrest', paths: {} },
  fastify: { paths: peerPaths, start: () => [process.execPath, [join(here, 'peers/fastify/server.mjs')]] },
  next: {
    paths: peerPaths,
    folder: join(here, 'peers/next'),
    start: (port) => [process.execPath, ['node_modules/next/dist/bin/next', 'start', '-p', port, '-H', '127.0.0.1']],
  },
};

/* Is this workload something that the target does? */
export const serves = (target, workload) => workload in target.paths || (target.scripts !== undefined && workload !== 'static');

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function answers(port) {
  try {
    return (await fetch(`http://127.0.0.1:${port}/hello.txt`)).ok;
  } catch {
    return false;
  }
}

/* Starts the target's server; the promise holds when it answers. */
export async function startServer(name) {
  const target = targets[name];
  target.port = await freePort();
  const [command, args] = target.start(target.port);
  const log = openSync(join(out, `${name}.log`), 'w');
  target.child = spawn(command, args.map(String), {
    cwd: target.folder ?? out,
    stdio: ['ignore', log, log],
    env: { ...process.env, PORT: target.port, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1', BENCH_DATABASE_URL: db.superuserUrl, BENCH_STATIC: staticFolder },
  });
  target.pid = target.child.pid;
  const until = Date.now() + 30000;
  while (!(await answers(target.port))) {
    if (target.child.exitCode !== null || Date.now() > until)
      throw new Error(`${name} does not answer; its log: ${readFileSync(join(out, `${name}.log`), 'utf8').slice(-2000)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export async function stopServers() {
  for (const { child } of Object.values(targets)) {
    if (!child || child.exitCode !== null) continue;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 5000);
    await gone;
    clearTimeout(late);
  }
}

/* An access token (HS256) of every user, and every row with its owner, for load's --tokens and --ids; a third file names the wrong owners. */
export function writeFiles() {
  const part = (value) => Buffer.from(value).toString('base64url');
  const head = part(JSON.stringify({ alg: 'HS256', typ: 'JWT', kid: 'test' }));
  const users = db.sql('SELECT id, claims FROM bench.users ORDER BY n').split('\n').map((line) => line.split('|'));
  const tokens = users.map(([, claims]) => {
    const signed = `${head}.${part(claims)}`;
    return `${signed}.${createHmac('sha256', process.env.VYRICON_JWT_SECRET).update(signed).digest('base64url')}`;
  });
  const lines = (ids) => ids.map((id, n) => `${id} ${tokens[n]}\n`).join('');
  const ids = users.map(([id]) => id);
  writeFileSync(join(out, 'tokens'), lines(ids));
  writeFileSync(join(out, 'tokens-wrong'), lines([...ids.slice(1), ids[0]]));
  writeFileSync(join(out, 'ids'), db.sql('SELECT t.id, u.n FROM public.tours AS t JOIN bench.users AS u ON u.id = t.user_id ORDER BY t.id').replaceAll('|', ' '));
}

let seed = 0;

/* One run of load: its report, with the CPU time of the server and of the database per request. */
export function load(name, workload, { connections = 32, seconds, rate = 0, tokens = 'tokens', path }) {
  const target = targets[name];
  const args = ['--port', target.port, '--workload', workload, '--path', path ?? target.paths[workload], '--connections', connections, '--seconds', seconds,
    '--rate', rate, '--status', workloads[workload].status, '--body', body, '--seed', ++seed];
  if (workload === 'static') args.push('--length', statSync(staticFile).size);
  else args.push('--tokens', join(out, tokens), '--ids', join(out, 'ids'));
  const before = { shim: treeCpu(target.pid), db: treeCpu(db.postmaster) };
  return new Promise((resolve, reject) =>
    execFile(join(out, 'load'), args.map(String), (error, stdout, stderr) => {
      if (error) return reject(new Error(`load ${name} ${workload}: ${stderr}`));
      const r = JSON.parse(stdout);
      const n = r.ok + r.refused || 1;
      resolve({
        rps: r.rps, p50_ms: r.latency.p50_us / 1000, p99_ms: r.latency.p99_us / 1000, max_ms: r.latency.max_us / 1000,
        cpu_us_shim: (treeCpu(target.pid) - before.shim) / n, cpu_us_db: workload === 'static' ? 0 : (treeCpu(db.postmaster) - before.db) / n,
        errors: r.errors, first_error: stderr.trim() || undefined, report: r,
      });
    }));
}
