/*
 * harness.mjs: what every part of `make fault` needs: TAP lines, random numbers that a seed repeats, bounded waiting, a shim of one's own,
 * and the cluster that test/with-server started, seen as processes: its postmaster, the shim's backends, how to kill and how to start them.
 */
import { execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync, readdirSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';

export { generator, shuffle } from './random.mjs';

let number = 0;
let failures = 0;

export const note = (text) => process.stdout.write(`# ${text}\n`);

export function check(name, good, ...details) {
  number++;
  if (!good) failures++;
  process.stdout.write(`${good ? 'ok' : 'not ok'} ${number} - ${name}\n`);
  for (const detail of good ? [] : details) note(typeof detail === 'string' ? detail : JSON.stringify(detail));
}

// Runs a part to its end, whatever happens in it: shims are stopped, and what is thrown is a failure.
export async function part(name, body) {
  try {
    await body();
  } catch (error) {
    check(`${name}: runs to its end`, false, ...String(error.stack ?? error).split('\n'));
  }
  for (const shim of Shim.all) await shim.stop();
  process.stdout.write(`1..${number}\n`);
  process.exit(failures > 0 ? 1 : 0);
}

for (const [signal, status] of [['SIGINT', 130], ['SIGTERM', 143]]) process.on(signal, () => process.exit(status));
process.on('exit', () => { for (const shim of Shim.all) shim.child?.kill('SIGTERM'); });

export const seed = Number(process.env.SEED) || (Date.now() % 1000000007);

export const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

// Asks until the answer is yes; the answer, or an error when the time is over.
export async function until(condition, ms, what) {
  const over = performance.now() + ms;
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    if (performance.now() > over) throw new Error(`not within ${ms} ms: ${what}`);
    await pause(2);
  }
}

export function percentile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

export const median = (values) => percentile(values, 0.5);

export function execute(command, args, { input, heard = false, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { maxBuffer: 1 << 30, ...options }, (error, out, err) => (error ? reject(new Error(`${error.message}\n${out}${err}`)) : resolve(heard ? { out, err } : out)));
    child.stdin.end(input);
  });
}

export const sql = async (text) => (await execute('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', process.env.DATABASE_URL], { input: text })).trimEnd();

// Of the range that test/lib.sh takes from, where no outgoing connection gets its port.
async function freePort() {
  for (;;) {
    const port = 20000 + Math.floor(Math.random() * 12000);
    const free = await new Promise((done) => {
      const server = net.createServer().once('error', () => done(false)).listen(port, '127.0.0.1', () => server.close(() => done(true)));
    });
    if (free) return port;
  }
}

// A `vyricon serve` of one's own. Its port stays when it is started again, unless somebody took it meanwhile.
export class Shim {
  static all = new Set();

  constructor(database, flags = []) {
    this.database = database;
    this.flags = flags;
    this.starts = 0;
    Shim.all.add(this);
  }

  async start() {
    this.port ??= await freePort();
    const args = ['serve', '--port', String(this.port), '--log', 'off', '--database', this.database, ...this.flags];
    // in a session of its own, as a service has it: Linux shares the processors out by session, and the load generator must not eat the shim's share
    const child = spawn(process.env.VYRICON_BIN, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    let text = '';
    this.child = child;
    this.starts++;
    this.ended = new Promise((done) => { child.on('exit', (status, signal) => done(signal ?? status)); });
    const serving = new Promise((done) => { child.stderr.on('data', (data) => { text += data; if (text.includes('"event":"serving"')) done(true); }); });
    if (await Promise.race([serving, this.ended.then(() => false)])) return this;
    if (!text.includes('"event":"cannot_listen"')) throw new Error(`the shim ended: ${text}`);
    this.port = null;
    return this.start();
  }

  // kill -9, and at once the next one; resolves when that one listens.
  async killAndRestart() {
    this.child.kill('SIGKILL');
    const how = await this.ended;
    if (how !== 'SIGKILL') throw new Error(`the shim had ended by itself: ${how}`);
    await this.start();
  }

  stop() {
    Shim.all.delete(this);
    this.child?.kill('SIGTERM');
    return this.ended;
  }

  // Seconds of CPU time so far.
  cpu() {
    const fields = readFileSync(`/proc/${this.child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  // In MiB: VmRSS is now, VmHWM the most there ever was.
  memory(field = 'VmRSS') {
    return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${this.child.pid}/status`, 'utf8'))[1]) / 1024;
  }
}

const processState = (pid) => {
  try {
    const [, state, parent] = /^\d+ \(.*\) (\S) (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    return { state, parent: Number(parent) };
  } catch {
    return null;
  }
};

const isAlive = (pid) => !'ZX'.includes(processState(pid)?.state ?? 'X');

// Command line of a process, or nothing when it is gone.
function titleOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

export const cluster = {
  folder: process.env.VYRICON_LOGS,
  data: join(process.env.VYRICON_LOGS, 'data'),

  async socketFolder() {
    this.socket ??= await sql('SHOW unix_socket_directories');
    return this.socket;
  },

  // As the shim's role, over the socket.
  async conninfo() {
    return `host=${await this.socketFolder()} port=${process.env.PGPORT} dbname=${process.env.PGDATABASE} user=vyricon_shim`;
  },

  postmaster() {
    const file = join(this.data, 'postmaster.pid');
    return existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : null;
  },

  children(postmaster = this.postmaster()) {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => processState(pid)?.parent === postmaster && isAlive(pid));
  },

  // The shim's connections, in the order in which they came.
  shimBackends() {
    return this.children().filter((pid) => / vyricon_shim /.test(titleOf(pid))).sort((a, b) => a - b);
  },

  // PostgreSQL ends all backends when one was killed; resolves when none of those that served is left.
  async killBackend(share) {
    const backends = await until(() => { const list = this.shimBackends(); return list.length > 0 && list; }, 10000, 'a backend of the shim to kill');
    process.kill(backends[Math.floor(share * backends.length)], 'SIGKILL');
    await until(() => !backends.some(isAlive), 10000, 'the other backends to end after one was killed');
  },

  // Its children have to be gone too: before that another postmaster refuses to start.
  async killPostmaster() {
    const children = this.children();
    this.child.kill('SIGKILL');
    await this.ended;
    await until(() => !children.some(isAlive), 20000, 'the children to end after their postmaster');
  },

  // As a child of this process, which can then see at once that it ended: a postmaster looks alive to its successor until it is reaped.
  start() {
    const command = [join(process.env.PG_BINDIR, 'postgres'), '-D', this.data, '-p', process.env.PGPORT];
    if (process.getuid() === 0) command.unshift('setpriv', '--reuid', 'postgres', '--regid', 'postgres', '--init-groups');
    const log = openSync(join(this.folder, 'server.log'), 'a');
    this.child = spawn(command[0], command.slice(1), { stdio: ['ignore', log, log], cwd: '/', detached: true });
    this.ended = new Promise((done) => { this.child.on('exit', (status, signal) => done(signal ?? status)); });
    closeSync(log);
  },

  // When it last said that it accepts connections, as Date.now() counts.
  readySince() {
    const file = openSync(join(this.folder, 'server.log'), 'r');
    const tail = Buffer.alloc(65536);
    const n = readSync(file, tail, 0, tail.length, Math.max(0, fstatSync(file).size - tail.length));
    closeSync(file);
    const [line] = tail.toString('utf8', 0, n).split('\n').filter((text) => text.includes('ready to accept connections')).slice(-1);
    return line ? Date.parse(`${line.slice(0, 10)}T${line.slice(11, 23)}Z`) : 0;
  },

  isRunning() { return this.child.exitCode === null && this.child.signalCode === null; },

  // From the postmaster that test/with-server started to one of our own. with-server stops whichever runs at the end.
  async takeOver() {
    const pid = this.postmaster();
    process.kill(pid, 'SIGINT');
    await until(() => this.postmaster() === null, 30000, 'the postmaster to stop');
    this.start();
    await until(() => sql('SELECT 1').catch(() => null), 30000, 'the postmaster to start again');
  },
};
