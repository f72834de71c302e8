// A `vyricon serve` of one's own before the database of the tests, over the cluster's socket, where the shim's role may come in.
import { execFileSync, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import http from 'node:http';

const db = new URL(process.env.DATABASE_URL);

// As superuser; what it prints, without the last line's end.
export const sql = (text) => execFileSync('psql', ['-qXAt', '-v', 'ON_ERROR_STOP=1', db.href],
  { input: text, encoding: 'utf8', maxBuffer: 64 << 20, env: { ...process.env, PGOPTIONS: '-c client_min_messages=warning' } }).trimEnd();

// A token for an hour, with these claims.
export function sign(claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const signed = `${part({ alg: 'HS256', typ: 'JWT', kid: 'test' })}.${part({ role: 'authenticated', aud: 'authenticated', iat: now, exp: now + 3600, ...claims })}`;
  return `${signed}.${createHmac('sha256', process.env.VYRICON_JWT_SECRET).update(signed).digest('base64url')}`;
}

const answered = (url) => new Promise((done) => {
  http.get(url, (answer) => { answer.resume(); answer.on('end', () => done(answer.statusCode)); }).on('error', () => done(0));
});

// settings: of the shim's database sessions, as in {statement_timeout: '1s'}.
export async function serve(flags = [], settings = {}) {
  const socket = sql('SHOW unix_socket_directories');
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`).join(' ');
  const child = spawn(process.env.VYRICON_BIN, ['serve', '--port', '0', '--admin-port', '0', '--log', 'off',
    '--database', `host=${socket} port=${db.port} dbname=${db.pathname.slice(1)} user=vyricon_shim options='${options}'`, ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((done) => { child.on('close', done); });
  const ports = {};
  let text = '';
  await new Promise((done, fail) => {
    child.stderr.on('data', (data) => {
      text += data;
      for (const [line] of text.matchAll(/^\{.*\}$/gm)) {
        const { event, port } = JSON.parse(line);
        if (event) ports[event] = port;
      }
      if (ports.serving && ports.admin) done();
    });
    ended.then(() => fail(new Error(`vyricon serve ended: ${text}`)));
  });
  while (await answered(`http://127.0.0.1:${ports.admin}/ready`) !== 200 && child.exitCode === null) await new Promise((done) => { setTimeout(done, 20); });
  return { port: ports.serving, admin: ports.admin, pid: child.pid, log: () => text, stop() { child.kill('SIGTERM'); return ended; } };
}
