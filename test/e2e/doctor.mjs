// vyricon doctor on servers of its own: one that is well, and ones on which no job can be done.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { root, run } from './lib/process.mjs';

// What the suite's own server exported must not help or hinder.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PG(?!_CONFIG)|VYRICON_(?!GCOV)|DATABASE_URL|NODE_)/.test(name)));

// Runs the script beside a fresh server; "doctor DATABASE" in it prints the findings by name, then the command's status.
async function visit(options, script) {
  const doctor = 'doctor() { "$VYRICON_BIN" doctor --database "${DATABASE_URL%/*}/$1" && status=0 || status=$?; echo "status $status"; }\n';
  const { status, out, err } = await run(join(root, 'test/with-server'), ['--no-serve', ...options, '--', 'bash', '-euc', doctor + script], { cwd: root, env });
  assert.equal(status, 0, err);
  const parts = out.split(/^status (\d+)\n/m);
  return Array.from({ length: (parts.length - 1) / 2 }, (_, n) => ({
    status: Number(parts[2 * n + 1]),
    all: parts[2 * n],
    found: Object.fromEntries(parts[2 * n].split('\n').filter((line) => /^\w/.test(line)).map((line) => [line.slice(0, 16).trim(), line.slice(17)])),
  }));
}

test('a server that is well has no finding; a copy of its database, and a lease that is too short, are found with what to do', async () => {
  const [well, copy, short] = await visit([], `
    doctor app
    psql -qX -c 'CREATE DATABASE copied TEMPLATE app'
    doctor copied
    psql -qX -c "ALTER SYSTEM SET vyricon.job_timeout = '60s'" -c 'SELECT pg_reload_conf()' >/dev/null
    for i in $(seq 200); do [ "$(psql -qXAtc 'SHOW vyricon.job_timeout')" = 1min ] && break; sleep 0.05; done
    doctor app`);
  assert.equal(well.status, 0, well.all);
  assert.deepEqual([...new Set(Object.values(well.found))], ['ok']);
  assert.equal(copy.status, 1);
  assert.match(copy.found.jobs, /is a copy of another installation: no job runs: SELECT vyricon\.setup\(adopt => true\)/);
  assert.equal(short.status, 1);
  assert.match(short.found.jobs, /vyricon\.job_lease \(60000 ms\) is not longer than vyricon\.job_timeout \(60000 ms\): Raise vyricon\.job_lease/);
});

test('without a free slot the worker is not there, and max_worker_processes is named', async () => {
  const [{ status, found }] = await visit(['--set', 'max_worker_processes=2'], 'doctor app');
  assert.equal(status, 1);
  assert.match(found.jobs, /^there is no free slot for a worker: Raise max_worker_processes/);
});

test('without room for the launcher no worker is started, and that is said once', async () => {
  const [{ status, found, all }] = await visit(['--set', 'max_worker_processes=1'], 'doctor app');
  assert.equal(status, 1);
  assert.match(found.jobs, /^the launcher does not run: no worker is started: .*max_worker_processes/);
  assert.equal(all.match(/worker/g).length, found.jobs.match(/worker/g).length);
});

test('without shared_preload_libraries the line for postgresql.conf is named, by SQL too', async () => {
  const [{ status, found }] = await visit(['--no-setup', '--set', 'shared_preload_libraries='], `
    psql -qX -c 'CREATE EXTENSION vyricon' 2>/dev/null
    doctor app`);
  assert.equal(status, 1);
  assert.match(found.ready, /^add shared_preload_libraries = 'vyricon' to postgresql\.conf/);
  assert.match(found.jobs, /^vyricon is not preloaded.*Add vyricon to shared_preload_libraries in postgresql\.conf/);
});
