// Starting the project's commands as a person would, in a copy of the sources of their own.
import { spawn } from 'node:child_process';
import { cp, mkdtemp, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');

// What is built comes along, so that a copy starts as fast as a checkout that was built before.
export async function copyOfSources() {
  const copy = await mkdtemp(join(tmpdir(), 'vyricon-copy-'));
  const left = /^(\.git|\.vyricon|build\/(test|coverage)|test\/.*node_modules)(\/|$)/;
  await cp(root, copy, { recursive: true, preserveTimestamps: true, filter: (source) => !left.test(relative(root, source)) });
  await chmod(copy, 0o755);
  return copy;
}

export function run(command, args, options = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let out = '';
    let err = '';
    child.stdout.on('data', (data) => { out += data; });
    child.stderr.on('data', (data) => { err += data; });
    child.on('close', (status, signal) => done({ status: signal ?? status, out, err }));
  });
}

// A command that stays, in a process group of its own, as a terminal gives it: Ctrl-C goes to the whole group.
export class Service {
  constructor(command, args, options = {}) {
    this.text = '';
    this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, ...options });
    this.ended = new Promise((done) => { this.child.on('close', (status, signal) => done(signal ?? status)); });
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on('data', (data) => { this.text += data; this.heard?.(); });
  }

  // Resolves as soon as the output matches; rejects when the command ends first.
  async says(pattern) {
    const heard = new Promise((done) => {
      const look = () => { if (pattern.test(this.text)) done(true); };
      this.heard = look;
      look();
    });
    if (await Promise.race([heard, this.ended.then(() => pattern.test(this.text))])) return this.text;
    throw new Error(`ended without saying ${pattern}:\n${this.text}`);
  }

  interrupt() {
    try {
      process.kill(-this.child.pid, 'SIGINT');
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
    return this.ended;
  }
}
