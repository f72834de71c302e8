// Schedules through the real worker: fired when they are due, no longer once taken back, made up for once after a restart, and quiet in a copy.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const database = process.env.DATABASE_URL;
const other = (name) => Object.assign(new URL(database), { pathname: `/${name}` }).href;
const sql = (text, url = database) => execFileSync('psql', ['-qXAt', '-v', 'ON_ERROR_STOP=1', url], { input: text, encoding: 'utf8' }).trim();
// While it runs, this process goes on being the peer.
const sqlMeanwhile = async (text, url = database) => (await promisify(execFile)('psql', ['-qXAt', '-v', 'ON_ERROR_STOP=1', url, '-c', text])).stdout.trim();
const arrived = []; // paths, in order
let peer;
let url;

before(async () => {
  sql("ALTER SYSTEM SET vyricon.outbound_networks = '127.0.0.0/8';\nSELECT pg_reload_conf();");
  peer = createServer((request, response) => { arrived.push(request.url); response.end('ok'); }).listen(0, '127.0.0.1');
  await once(peer, 'listening');
  url = `http://127.0.0.1:${peer.address().port}`;
});

after(() => {
  sql('ALTER SYSTEM RESET vyricon.outbound_networks;\nSELECT pg_reload_conf();\nTRUNCATE vyricon.schedules, vyricon.jobs;');
  peer.closeAllConnections();
  peer.close();
});

const schedule = (name, every, base = database) => sql(`SELECT vyricon.schedule('${name}', '${every}', 'http', '{"url":"${url}/${name}"}')`, base);
const times = (name) => arrived.filter((path) => path === `/${name}`).length;
const jobs = (name, base = database) => sql(`SELECT count(*) FROM vyricon.jobs WHERE starts_with(key, 'schedule:${name}:')`, base);
const row = (name, base = database) => JSON.parse(sql(`SELECT row_to_json(s) FROM vyricon.stat_schedules AS s WHERE name = '${name}'`, base));

async function until(condition, seconds, words) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(20)) if (await condition()) return;
  assert.fail(`after ${seconds} s: ${words()}`);
}

test('a schedule of one second fires each second, at its time', async () => {
  const first = Date.parse(`${schedule('second', '1 second').replace(' ', 'T')}:00`);
  await until(() => times('second') >= 4, 20, () => sql('SELECT * FROM vyricon.stat_schedules'));
  const [planned, late] = sql(`SELECT array_agg(at ORDER BY at), percentile_disc(0.5) WITHIN GROUP (ORDER BY created_at - 1000 * at)
    FROM (SELECT extract(epoch FROM substr(key, 17)::timestamptz) AS at, extract(epoch FROM created_at) * 1000 AS created_at FROM vyricon.jobs WHERE starts_with(key, 'schedule:second:')) AS f`).split('|');
  const steps = planned.slice(1, -1).split(',').map(Number);
  assert.ok(Math.abs(steps[0] * 1000 - first) < 2, `${planned} from ${first}`);
  assert.ok(steps.every((at, n) => n === 0 || Math.round((at - steps[n - 1]) * 1000) % 1000 === 0), planned);
  assert.ok(Number(late) >= 0 && Number(late) < 500, `${late} ms late`);
});

test('taken back, it stops; another one goes on', async () => {
  schedule('witness', '1 second');
  assert.equal(sql("SELECT vyricon.unschedule('second')"), 't');
  const before = jobs('second');
  await until(() => times('witness') >= 3, 20, () => sql('SELECT * FROM vyricon.stat_schedules'));
  assert.equal(jobs('second'), before);
  sql("SELECT vyricon.unschedule('witness')");
});

test('one that a transaction is replacing when it is due is fired soon after, whichever way that ends', async () => {
  schedule('held', '2 seconds');
  await sqlMeanwhile(`BEGIN; SELECT FROM vyricon.schedules WHERE name = 'held' FOR UPDATE; SELECT vyricon.unschedule('none');
    SELECT pg_sleep_until((SELECT next_at + interval '500 milliseconds' FROM vyricon.schedules WHERE name = 'held')); ROLLBACK;`);
  const end = performance.now();
  await until(() => times('held') > 0, 10, () => JSON.stringify(row('held')));
  assert.ok(performance.now() - end < 5000);
  sql("SELECT vyricon.unschedule('held')");
});

// As the owner of its data folder, which a server insists on.
async function control(...words) {
  const data = join(process.env.VYRICON_LOGS, 'data');
  const { uid, gid } = statSync(data);
  const child = spawn(join(process.env.PG_BINDIR, 'pg_ctl'), [...words, '-s', '-w', '-D', data], { stdio: 'ignore', cwd: '/', ...(process.getuid() === 0 ? { uid, gid } : {}) });
  const [status] = await once(child, 'close');
  assert.equal(status, 0, `pg_ctl ${words.join(' ')}`);
}

test('what was missed while the server was down is fired once after its start', async () => {
  schedule('missed', '1 hour');
  // Written before it is answered, unlike what else this server is told.
  const planned = sql("SET synchronous_commit = on;\nUPDATE vyricon.schedules SET next_at = date_trunc('milliseconds', clock_timestamp()) + interval '2 seconds' WHERE name = 'missed' RETURNING extract(epoch FROM next_at) * 1000");
  await control('stop', '-m', 'immediate');
  await sleep(Math.max(0, Number(planned) + 100 - Date.now()));
  const started = Date.now();
  await control('start', '-l', join(process.env.VYRICON_LOGS, 'server.log'), '-o', `-p ${new URL(database).port}`);
  await until(() => times('missed') > 0, 30, () => JSON.stringify(row('missed')));
  const made = JSON.parse(sql("SELECT json_agg(json_build_object('key', key, 'at', extract(epoch FROM created_at) * 1000)) FROM vyricon.jobs WHERE starts_with(key, 'schedule:missed:')"));
  assert.deepEqual(made.map(({ key }) => key), [`schedule:missed:${new Date(Number(planned)).toISOString()}`]);
  assert.ok(made[0].at >= started);
  assert.equal(Date.parse(row('missed').next_at), Number(planned) + 3600 * 1000);
  schedule('witness', '1 second');
  await until(() => times('witness') >= 5, 20, () => JSON.stringify(row('witness')));
  assert.equal(times('missed'), 1);
  sql("SELECT vyricon.unschedule(name) FROM vyricon.schedules");
  await until(async () => (await fetch(`${process.env.VYRICON_ADMIN_URL}/ready`).catch(() => ({}))).status === 200, 30, () => 'the shim is not back');
});

test('a template branch and a restored dump fire nothing until adopted, and then what is due from then on', async () => {
  sql('CREATE DATABASE schedules_origin', other('template1'));
  sql('CREATE EXTENSION vyricon;\nSELECT vyricon.setup();', other('schedules_origin'));
  schedule('copied', '1 hour', other('schedules_origin'));
  const origin = sql('SELECT s FROM vyricon.schedules AS s', other('schedules_origin'));
  await sqlMeanwhile('CREATE DATABASE schedules_branch TEMPLATE schedules_origin', other('template1'));
  sql('CREATE DATABASE schedules_restored', other('template1'));
  execFileSync('bash', ['-euc', 'set -o pipefail; "$PG_BINDIR/pg_dump" "$0" | psql -qX -v ON_ERROR_STOP=1 "$1" >/dev/null', other('schedules_origin'), other('schedules_restored')]);
  sql('DROP DATABASE schedules_origin', other('template1'));
  for (const name of ['schedules_branch', 'schedules_restored']) {
    const copy = other(name);
    const state = () => sql(`SELECT coalesce((SELECT state FROM vyricon.stat_workers WHERE datname = '${name}'), 'none')`, copy);
    assert.equal(sql('SELECT s FROM vyricon.schedules AS s', copy), origin);
    sql("UPDATE vyricon.schedules SET next_at = now() - interval '1 day'", copy);
    assert.throws(() => sql("SELECT vyricon.run_job('schedules')", copy), /no job runs in a database/);
    sql('SELECT vyricon.setup(adopt => true)', copy);
    await until(() => state() === 'running', 20, state);
    schedule('of-copy', '1 second', copy);
    await until(() => jobs('of-copy', copy) > 1, 20, () => sql('SELECT * FROM vyricon.stat_schedules', copy));
    assert.equal(jobs('copied', copy), '0');
    const due = Date.parse(row('copied', copy).next_at) - Date.now();
    assert.ok(due > 3500 * 1000 && due <= 3600 * 1000, `due in ${due} ms`);
    sql(`DROP DATABASE ${name}`, other('template1'));
  }
});
