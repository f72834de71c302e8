// Mail from commit to mail server: once, to everybody named, never in clear over a network; without a server, in the developer's mailbox.
import { after, afterEach, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { SMTPServer } from 'smtp-server';
import { startMailSink } from './lib/mail_sink.mjs';

const database = process.env.DATABASE_URL;
const url = process.env.VYRICON_URL;
// This process is the mail server, too: it never waits for psql without answering.
const sql = async (text) => (await promisify(execFile)('psql', ['-qXAt', '-v', 'ON_ERROR_STOP=1', database, '-c', text])).stdout.trim();
const row = async (text) => JSON.parse(await sql(text));
let sink;

const defaults = { smtp_url: null, smtp_user: null, mail_from: 'Tours <tours@example.com>', job_backoff: '20ms', job_backoff_max: '100ms', job_timeout: '2s', job_lease: '4s' };
// A reload reaches the worker and later sessions, not this moment's: the setting is seen from a new session first.
async function set(all) {
  for (const [name, value] of Object.entries(all)) await sql(`ALTER SYSTEM ${value === null ? `RESET vyricon.${name}` : `SET vyricon.${name} = '${value}'`}`);
  await sql('SELECT pg_reload_conf()');
  for (const [name, value] of Object.entries(all)) if (value !== null) await until(async () => (await sql(`SHOW vyricon.${name}`)) === value, 5, () => name);
}

async function until(condition, seconds, words) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(20)) if (await condition()) return;
  assert.fail(`after ${seconds} s: ${await words()}`);
}

before(async () => {
  sink = await startMailSink();
  await set({ ...defaults, smtp_url: sink.smtpUrl });
});

afterEach(async () => {
  await fault('none');
  await set({ smtp_url: sink.smtpUrl });
  await fetch(`${sink.url}/messages`, { method: 'DELETE' });
});

after(async () => {
  for (const name of Object.keys(defaults)) await sql(`ALTER SYSTEM RESET vyricon.${name}`);
  await sql('SELECT pg_reload_conf()');
  await sql('TRUNCATE vyricon.jobs, vyricon.mailbox');
  sink.close();
});

const fault = (mode, times) => fetch(`${sink.url}/faults`, { method: 'POST', body: JSON.stringify({ mode, times }) });
const messages = async () => (await fetch(`${sink.url}/messages`)).json();
const mail = { to: 'traveller@example.com', subject: 'Your tour', text: 'See you there.\n' };
const enqueue = (payload = {}) => sql(`SELECT vyricon.enqueue('mail', $j$${JSON.stringify({ ...mail, ...payload })}$j$)`);
const job = (id) => row(`SELECT row_to_json(j) FROM (SELECT id, state, attempts, status, problem, idempotency_key FROM vyricon.jobs WHERE id = ${id}) AS j`);

async function ends(id, state) {
  await until(async () => !['queued', 'in_flight'].includes((await job(id)).state), 10, async () => JSON.stringify(await job(id)));
  const ended = await job(id);
  assert.equal(ended.state, state, JSON.stringify(ended));
  return ended;
}

test('a mail arrives once, at everybody named, with its subject, texts and a message id of its own', async () => {
  const done = await ends(await enqueue({ to: ['Anna <a@example.com>', 'b@example.com'], cc: 'c@example.com', bcc: ['d@example.com'], reply_to: 'guide@example.com', subject: 'Größe: 5 €', html: '<p>See you <b>there</b></p>' }), 'done');
  assert.deepEqual([done.status, done.attempts, done.problem], [250, 1, null]);
  const [message, ...others] = await messages();
  assert.equal(others.length, 0);
  assert.deepEqual([message.from, message.to], ['tours@example.com', ['a@example.com', 'b@example.com', 'c@example.com', 'd@example.com']]);
  assert.match(message.raw, new RegExp(`^Message-ID: <${done.idempotency_key}@example.com>`, 'm'));
  assert.match(message.raw, /^To: "Anna"\r\n <a@example.com>,\r\n <b@example.com>\r\nCc: <c@example.com>\r\nReply-To: <guide@example.com>\r\n/m);
  assert.ok(!message.raw.includes('d@example.com'), 'bcc is nowhere in the message');
  const [, subject] = /^Subject: =\?UTF-8\?B\?(.*)\?=/m.exec(message.raw);
  assert.equal(Buffer.from(subject, 'base64').toString(), 'Größe: 5 €');
  const part = (type) => Buffer.from(new RegExp(`Content-Type: ${type};[^]*?\r\n\r\n([A-Za-z0-9+/=\r\n]*)`).exec(message.raw)[1], 'base64').toString();
  assert.deepEqual([part('text/plain'), part('text/html')], ['See you there.\r\n', '<p>See you <b>there</b></p>']);
});

test('a mail that was rolled back is not sent', async () => {
  await sql(`BEGIN; SELECT vyricon.enqueue('mail', $j$${JSON.stringify({ ...mail, subject: 'never' })}$j$); ROLLBACK;`);
  await ends(await enqueue(), 'done');
  assert.deepEqual((await messages()).map(({ raw }) => /Subject: (.*)\r/.exec(raw)[1]), ['Your tour']);
});

test('"later" of the mail server is waited for, "no" is final, and nobody gets a part of it', async () => {
  for (const mode of ['mail_from_450', 'rcpt_450', 'data_451', 'drop_before_data']) {
    await fault(mode, 2);
    assert.equal((await ends(await enqueue({ subject: mode }), 'done')).attempts, 3, mode);
  }
  for (const [mode, code] of [['mail_from_550', 550], ['rcpt_550', 550], ['data_554', 554]]) {
    await fault(mode, 1);
    const refused = await ends(await enqueue({ to: ['a@example.com', 'b@example.com'] }), 'failed');
    assert.deepEqual([refused.status, refused.attempts], [code, 1], mode);
  }
  assert.equal((await messages()).length, 4);
});

test('a mail whose reply was lost is unknown, and sent again only where a second copy does no harm', async () => {
  await fault('drop_after_data', 1);
  const unknown = await ends(await enqueue(), 'unknown');
  assert.equal(unknown.attempts, 1);
  assert.equal((await messages()).length, 1);
  await fault('drop_after_data', 1);
  assert.equal((await ends(await enqueue({ idempotent: true }), 'done')).attempts, 2);
  assert.equal((await messages()).length, 3);
});

test('a mail server that never answers QUIT holds up nothing', async () => {
  let quits = 0;
  const mute = createServer((socket) => {
    let data = false;
    socket.on('error', () => {});
    socket.write('220 mute\r\n');
    socket.on('data', (bytes) => {
      for (const line of bytes.toString().split('\r\n').filter(Boolean)) {
        if (line === 'QUIT') quits++;
        else if (data && line !== '.') continue;
        else {
          data = line === 'DATA';
          socket.write(data ? '354 go on\r\n' : '250 yes\r\n');
        }
      }
    });
  }).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  await set({ smtp_url: `smtp://127.0.0.1:${mute.address().port}`, job_timeout: '10s', job_lease: '20s' });
  const started = Date.now();
  const ids = await Promise.all(Array.from({ length: 5 }, () => enqueue()));
  for (const id of ids) await ends(id, 'done');
  assert.ok(Date.now() - started < 5000, `${Date.now() - started} ms`);
  await until(() => quits === 5, 5, () => `${quits} QUITs`);
  await set({ job_timeout: defaults.job_timeout, job_lease: defaults.job_lease });
  mute.close();
});

test('over a network mail is sent by TLS or not at all', async () => {
  await set({ smtp_url: sink.smtpUrl.replace('127.0.0.1', '[::ffff:127.0.0.1]') });
  const id = await enqueue();
  await until(async () => (await job(id)).attempts >= 2, 10, async () => JSON.stringify(await job(id)));
  assert.match((await job(id)).problem, /SSL/);
  assert.equal((await messages()).length, 0);
  await set({ smtp_url: sink.smtpUrl });
  await sql(`SELECT vyricon.retry(${id})`);
  await ends(id, 'done');
});

test('the worker signs in with the stored password; with a wrong one the mail waits', async () => {
  const logins = [];
  const server = new SMTPServer({
    allowInsecureAuth: true, disabledCommands: ['STARTTLS'], disableReverseLookup: true,
    onAuth: ({ username, password }, session, done) => { logins.push([username, password]); done(password === 'right' ? null : new Error('no'), { user: username }); },
    onData: (stream, session, done) => { stream.resume(); stream.on('end', done); },
  });
  server.on('error', () => {});
  await once(server.listen(0, '127.0.0.1'), 'listening');
  await set({ smtp_url: `smtp://127.0.0.1:${server.server.address().port}`, smtp_user: 'postman' });
  const id = await enqueue();
  await until(async () => /password is not there/.test((await job(id)).problem), 10, async () => JSON.stringify(await job(id)));
  await sql("SELECT vyricon.set_secret('smtp_password', 'wrong')");
  await until(async () => /did not let us sign in/.test((await job(id)).problem), 10, async () => JSON.stringify(await job(id)));
  await sql("SELECT vyricon.set_secret('smtp_password', 'right')");
  await ends(id, 'done');
  assert.deepEqual([logins[0], logins.at(-1)], [['postman', 'wrong'], ['postman', 'right']]);
  await set({ smtp_user: null });
  server.close();
});

test('without a mail server, a development machine keeps the mail and shows it at /dev/mail', async () => {
  await set({ smtp_url: null });
  await until(async () => (await sql('SHOW vyricon.smtp_url')) === '', 5, () => 'smtp_url');
  const id = await enqueue({ subject: 'Hello <you>', text: 'Go to https://example.com/?a=1&b="2".\n', html: '<p onclick="alert(1)">"Hi" & bye</p><script>parent.evil = 1</script>', bcc: 'b@example.com' });
  await ends(id, 'done');
  assert.equal((await messages()).length, 0);
  const [kept] = await (await fetch(`${url}/dev/mail`)).json();
  assert.deepEqual([kept.job, kept.sender, kept.recipients, kept.subject, kept.text, kept.html],
    [Number(id), 'tours@example.com', ['traveller@example.com', 'b@example.com'], 'Hello <you>', 'Go to https://example.com/?a=1&b="2".\r\n', '<p onclick="alert(1)">"Hi" & bye</p><script>parent.evil = 1</script>']);
  const page = await fetch(`${url}/dev/mail`, { headers: { accept: 'text/html' } });
  const html = await page.text();
  assert.match(html, /Go to <a href="https:\/\/example.com\/\?a=1&amp;b=" target="_blank" rel="noreferrer">https:\/\/example.com\/\?a=1&amp;b=<\/a>&quot;2/);
  assert.match(html, /<h2>Hello &lt;you&gt;<\/h2>/);
  assert.match(html, /srcdoc="&lt;base target=&quot;_blank&quot;&gt;&lt;p onclick=&quot;alert\(1\)&quot;&gt;&quot;Hi&quot; &amp; bye/);
  assert.match(page.headers.get('content-security-policy'), /default-src 'none'/);
  const message = await fetch(`${url}/dev/mail/${kept.id}`);
  assert.equal(message.headers.get('content-type'), 'message/rfc822');
  assert.match(await message.text(), /^From: "Tours"\r\n <tours@example.com>\r\n/);
  assert.equal((await fetch(`${url}/dev/mail/999999`)).status, 404);
});

test('an answer that cannot be applied is a problem of its job alone', async () => {
  await set({ smtp_url: null });
  await sql("ALTER TABLE vyricon.mailbox ADD CONSTRAINT no_such_subject CHECK (subject <> 'no such')");
  const ids = (await sql(`SELECT vyricon.enqueue('mail', $j$${JSON.stringify(mail)}$j$ || jsonb_build_object('subject', s)) FROM unnest('{yes,no such,"yes, too"}'::text[]) AS s`)).split('\n');
  await ends(ids[0], 'done');
  assert.match((await ends(ids[1], 'unknown')).problem, /the answer could not be applied: .*no_such_subject/);
  await ends(ids[2], 'done');
  assert.equal(await sql('SELECT count(*) FROM vyricon.mailbox WHERE job = ANY (ARRAY[' + ids + '])'), '2');
  await sql('ALTER TABLE vyricon.mailbox DROP CONSTRAINT no_such_subject');
});

test('without a mail server, any other machine keeps the job waiting, and has no /dev/mail', async () => {
  await set({ smtp_url: null, dev: 'off' });
  await until(async () => (await fetch(`${url}/dev/mail`)).status === 404, 5, () => 'vyricon.dev');
  const id = await enqueue();
  await until(async () => (await job(id)).attempts >= 2, 10, async () => JSON.stringify(await job(id)));
  assert.match((await job(id)).problem, /vyricon.smtp_url is not set/);
  await set({ dev: 'on', smtp_url: sink.smtpUrl });
  await sql('ALTER SYSTEM RESET vyricon.dev');
  await ends(id, 'done');
});
