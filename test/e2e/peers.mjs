// The peers that jobs are tested with: the mail sink keeps what it acknowledged and breaks as it was told, the HTTP peer's ledger is right.
import { after, before, beforeEach, test } from 'node:test';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { startPeer, seededFaults, faults } from '../fault/lib/peer.mjs';
import { startMailSink } from './lib/mail_sink.mjs';
import { root, run } from './lib/process.mjs';

// One message by hand: the reply to each step, or 'closed' where the connection ended instead. whole: not cut by the sender before its end.
async function send(smtpUrl, lines = ['Subject: hello', '', 'first', '..dot'], whole = true) {
  const socket = net.connect(Number(new URL(smtpUrl).port), '127.0.0.1');
  let text = '';
  socket.on('error', () => {});
  const closed = new Promise((done) => { socket.on('close', () => done('closed')); });
  const reply = () => Promise.race([closed, new Promise((done) => {
    const look = () => {
      const last = /^(\d{3}) .*\r\n/m.exec(text);
      if (!last) return;
      socket.off('data', look);
      text = text.slice(last.index + last[0].length);
      done(Number(last[1]));
    };
    socket.on('data', look);
    look();
  })]);
  socket.on('data', (data) => { text += data; });
  const steps = { hello: 'EHLO test', from: 'MAIL FROM:<a@example.com>', rcpt: 'RCPT TO:<b@example.com>', data: 'DATA', end: `${lines.join('\r\n')}\r\n.` };
  const replies = { greeting: await reply() };
  for (const [step, line] of Object.entries(steps)) {
    if (step === 'end' && !whole) socket.end(lines.join('\r\n'));
    else socket.write(`${line}\r\n`);
    replies[step] = await reply();
    if (replies[step] === 'closed' || replies[step] >= 400) break;
  }
  socket.destroy();
  return replies;
}

const good = { greeting: 220, hello: 250, from: 250, rcpt: 250, data: 354, end: 250 };
const until = (step, what) => {
  const names = Object.keys(good);
  return { ...Object.fromEntries(Object.entries(good).slice(0, names.indexOf(step))), [step]: what };
};

let sink;
let peer;
const messages = async (method = 'GET') => (await fetch(`${sink.url}/messages`, { method })).json();
const fault = (body) => fetch(`${sink.url}/faults`, { method: 'POST', body: JSON.stringify(body) });

before(async () => { sink = await startMailSink(); peer = await startPeer(); });
after(() => { sink.close(); peer.close(); });
beforeEach(async () => { await fault({ mode: 'none' }); await messages('DELETE'); });

test('mail sink: a message is kept with sender, receivers, its bytes and the time', async () => {
  const from = Date.now();
  assert.deepEqual(await send(sink.smtpUrl), good);
  const [{ at, ...message }, ...others] = await messages();
  assert.deepEqual(message, { from: 'a@example.com', to: ['b@example.com'], raw: 'Subject: hello\r\n\r\nfirst\r\n.dot\r\n' });
  assert.ok(Date.parse(at) >= from && Date.parse(at) <= Date.now());
  assert.deepEqual(others, []);
});

test('mail sink: DELETE forgets all messages', async () => {
  await send(sink.smtpUrl);
  assert.deepEqual(await messages('DELETE'), []);
  assert.deepEqual(await messages(), []);
});

for (const [mode, step, what, kept] of [
  ['mail_from_450', 'from', 450, 0], ['mail_from_550', 'from', 550, 0], ['rcpt_450', 'rcpt', 450, 0], ['rcpt_550', 'rcpt', 550, 0],
  ['data_451', 'end', 451, 0], ['data_554', 'end', 554, 0],
  ['drop_before_data', 'data', 'closed', 0], ['drop_in_data', 'end', 'closed', 0], ['drop_after_data', 'end', 'closed', 1],
]) {
  test(`mail sink, ${mode}: ${step} gets ${what}, ${kept} messages are kept`, async () => {
    await fault({ mode });
    assert.deepEqual(await send(sink.smtpUrl), until(step, what));
    assert.equal((await messages()).length, kept);
  });
}

test('mail sink: a fault for one time is over after it', async () => {
  await fault({ mode: 'data_451', times: 1 });
  assert.equal((await send(sink.smtpUrl)).end, 451);
  assert.deepEqual(await send(sink.smtpUrl), good);
});

test('mail sink: a message whose sender goes away before its end is not kept', async () => {
  assert.equal((await send(sink.smtpUrl, ['Subject: half', '', 'of a mes'], false)).end, 'closed');
  await send(sink.smtpUrl);
  assert.deepEqual((await messages()).map(({ raw }) => raw), ['Subject: hello\r\n\r\nfirst\r\n.dot\r\n']);
});

test('mail sink: an unknown mode is refused with the list of modes', async () => {
  const answer = await fault({ mode: 'nope' });
  assert.equal(answer.status, 400);
  assert.ok((await answer.json()).modes.includes('drop_in_data'));
});

test('with-server --mail: the command is told of the sink, and the sink ends with it', async () => {
  const { status, out, err } = await run('test/with-server', ['--mail', '--no-setup', '--no-serve', '--', 'bash', '-euc', `
    echo "$SMTP_URL" "$MAIL_SINK_URL" "$(curl -fsS "$MAIL_SINK_URL/messages")"`], { cwd: root });
  assert.equal(status, 0, err.slice(-2000));
  const [, face] = /^smtp:\/\/127\.0\.0\.1:\d+ (http:\/\/127\.0\.0\.1:\d+) \[\]$/m.exec(out);
  await assert.rejects(fetch(face));
  assert.doesNotMatch(err, /Terminated/);
});

// {status, headers, body} of a whole answer; {error} when it did not come, with what came of it. cut: gives up after so many milliseconds.
function post(url, { key, headers = {}, agent, cut } = {}) {
  return new Promise((done) => {
    const got = {};
    const fail = (error) => done({ error: error.code, ...got });
    const request = http.request(url, { method: 'POST', agent, headers: { ...(key && { 'idempotency-key': key }), ...headers } }, (answer) => {
      Object.assign(got, { status: answer.statusCode, headers: answer.headers, body: '' });
      answer.on('data', (chunk) => { got.body += chunk; });
      answer.on('end', () => done(got));
      answer.on('error', fail);
    });
    request.on('error', fail);
    if (cut) request.setTimeout(cut, () => request.destroy(Object.assign(new Error('cut'), { code: 'CUT' })));
    request.end('{"some":"body"}');
  });
}

let number = 0;
const newKey = () => `key-${++number}`;
const entry = (key, of = peer) => of.ledger().get(key);
const counts = (key) => { const { deliveries, effects } = entry(key); return { deliveries, effects }; };

test('HTTP peer: the same key has one effect and gets the first answer again', async () => {
  const key = newKey();
  const first = await post(`${peer.url}/effect`, { key });
  const second = await post(`${peer.url}/effect`, { headers: { 'webhook-id': key } });
  assert.equal(first.status, 200);
  assert.equal(second.body, first.body);
  assert.deepEqual(counts(key), { deliveries: 2, effects: 1 });
});

test('HTTP peer: a plain delivery is an effect each time', async () => {
  const key = newKey();
  const first = await post(`${peer.url}/effect/plain`, { key });
  const second = await post(`${peer.url}/effect/plain`, { key });
  assert.notEqual(second.body, first.body);
  assert.deepEqual(counts(key), { deliveries: 2, effects: 2 });
});

for (const [name, want, expected] of [
  ['hang', 'no answer', { error: 'CUT' }],
  ['hang_after', 'no answer', { error: 'CUT' }],
  ['reset_before', 'a reset connection', { error: 'ECONNRESET' }],
  ['reset_after', 'a reset connection', { error: 'ECONNRESET' }],
  ['error_before', '500', { status: 500 }],
  ['error_after', '500', { status: 500 }],
  ['truncate', 'an answer that ends early', { status: 200, error: 'ECONNRESET' }],
  ['html', '200 with a page', { status: 200, body: '<!doctype html><title>Welcome</title>' }],
  ['later', '429', { status: 429 }],
  ['redirect', '302', { status: 302 }],
  ['refuse', '422', { status: 422 }],
]) {
  const effects = Number(faults[name].effect);
  test(`HTTP peer, ${name}: ${want} with ${effects} effects, and for the first deliveries only`, async () => {
    const key = newKey();
    const url = `${peer.url}/effect?fault=${name}&times=2`;
    for (const deliveries of [1, 2]) {
      const answer = await post(url, { key, cut: 200 });
      for (const [field, value] of Object.entries(expected)) assert.equal(answer[field], value, JSON.stringify(answer));
      assert.deepEqual(counts(key), { deliveries, effects });
    }
    const answer = await post(url, { key });
    assert.equal(answer.status, 200);
    assert.equal(answer.body, entry(key).answer);
    assert.deepEqual(counts(key), { deliveries: 3, effects: 1 });
  });
}

test('HTTP peer: drip: the head at once, then no faster than a byte each second', async () => {
  const key = newKey();
  const answer = await post(`${peer.url}/effect?fault=drip`, { key, cut: 900 });
  assert.equal(answer.status, 200);
  assert.ok(answer.error);
  assert.equal(answer.body, '');
  assert.deepEqual(counts(key), { deliveries: 1, effects: 1 });
});

test('HTTP peer: large: 50 MB', async () => {
  assert.equal((await post(`${peer.url}/effect?fault=large`, { key: newKey() })).body.length, 50 * 1024 * 1024);
});

test('HTTP peer: later: Retry-After is 1, and the ledger tells such deliveries from others', async () => {
  const key = newKey();
  assert.equal((await post(`${peer.url}/effect`, { key, headers: { 'x-fault': 'later', 'x-fault-times': '1' } })).headers['retry-after'], '1');
  await post(`${peer.url}/effect`, { key });
  assert.equal(entry(key).postponed, 1);
});

test('HTTP peer: redirect: who follows it is noticed', async () => {
  const answer = await post(`${peer.url}/effect?fault=redirect`, { key: newKey() });
  assert.deepEqual(peer.strays, []);
  await post(answer.headers.location, { key: newKey() });
  assert.deepEqual(peer.strays, ['POST /effect']);
});

test('HTTP peer: a request that is cut in its body is delivered and has no effect', async () => {
  const key = newKey();
  const socket = net.connect(Number(new URL(peer.url).port), '127.0.0.1');
  socket.write(`POST /effect HTTP/1.1\r\nHost: h\r\nIdempotency-Key: ${key}\r\nContent-Length: 10\r\n\r\nhalf`);
  while (!entry(key)) await new Promise((done) => { setImmediate(done); });
  socket.destroy();
  await once(socket, 'close');
  await post(`${peer.url}/effect`, { key: newKey() });
  assert.deepEqual(counts(key), { deliveries: 1, effects: 0 });
});

test('HTTP peer: connections are kept', async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const key = newKey();
  await post(`${peer.url}/effect`, { key, agent });
  const [socket] = Object.values(agent.freeSockets).flat();
  await post(`${peer.url}/effect`, { key, agent });
  assert.ok(socket);
  assert.equal(Object.values(agent.freeSockets).flat()[0], socket);
  agent.destroy();
});

test('HTTP peer: 1,000 requests at once are each delivered and answered', async () => {
  const keys = Array.from({ length: 1000 }, newKey);
  const answers = await Promise.all(keys.map((key) => post(`${peer.url}/effect`, { key })));
  assert.ok(answers.every(({ status }) => status === 200), JSON.stringify(answers.find(({ status }) => status !== 200)));
  assert.ok(keys.every((key) => entry(key).deliveries === 1 && entry(key).effects === 1));
});

test('HTTP peer: what is refused reaches no ledger: no key, another path, an unknown fault', async () => {
  const key = newKey();
  assert.equal((await post(`${peer.url}/effect`)).status, 400);
  assert.equal((await post(`${peer.url}/other`, { key })).status, 404);
  assert.equal((await post(`${peer.url}/effect?fault=nope`, { key })).status, 400);
  assert.equal(entry(key), undefined);
});

test('HTTP peer: a seed gives a key the same fault in any order, another seed others, and all faults occur', () => {
  const keys = Array.from({ length: 2000 }, (_, i) => `key-${i}`);
  const of = (seed, list) => list.map((key) => [key, seededFaults(seed)(key)]);
  assert.deepEqual(of(1, keys), of(1, keys.toReversed()).reverse());
  assert.notDeepEqual(of(1, keys), of(2, keys));
  const met = of(1, keys).map(([, fault]) => fault?.fault);
  assert.deepEqual(new Set(met), new Set([undefined, ...Object.keys(faults)]));
});

test('HTTP peer: a peer with a seed breaks as the seed says', async () => {
  const seeded = await startPeer({ seed: 7 });
  const keys = Array.from({ length: 500 }, newKey);
  const key = keys.find((each) => seeded.faultOf(each)?.fault === 'reset_after');
  assert.deepEqual(await post(`${seeded.url}/effect`, { key }), { error: 'ECONNRESET' });
  assert.equal(entry(key, seeded).effects, 1);
  assert.equal(seeded.met.get('reset_after'), 1);
  seeded.close();
});
