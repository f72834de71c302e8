// Request heads on which two servers could disagree are refused, once, with a body of ours, and the connection is closed; others are not.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { exchange, portOf } from './lib/raw.mjs';

const port = portOf(process.env.VYRICON_URL);
const get = (lines, target = '/', version = 'HTTP/1.1') => `GET ${target} ${version}\r\n${lines}\r\n\r\n`;
const post = (lines, body = '') => `POST / HTTP/1.1\r\nHost: h\r\n${lines}\r\n\r\n${body}`;
const bytes = (text) => Buffer.from(text, 'latin1');

const bad = [
  ['two equal lengths', post('Content-Length: 1\r\nContent-Length: 1', 'a')],
  ['two different lengths', post('Content-Length: 0\r\nContent-Length: 6', 'GET / ')],
  ['a length that is a list', post('Content-Length: 1, 1', 'a')],
  ['a length with a sign', post('Content-Length: +1', 'a')],
  ['an empty length', post('Content-Length: ')],
  ['a length and a coding', post('Content-Length: 5\r\nTransfer-Encoding: chunked', '0\r\n\r\n')],
  ['a coding and a length', post('Transfer-Encoding: chunked\r\nContent-Length: 5', '0\r\n\r\n')],
  ['a coding in HTTP/1.0', 'POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a blank before the colon', post('Transfer-Encoding : chunked', '0\r\n\r\n')],
  ['a tab before the colon', get('Host: h\r\nX-A\t: b')],
  ['a folded line', get('Host: h\r\nX-A: b\r\n c')],
  ['a line folded by a tab', get('Host: h\r\nX-A: b\r\n\tc')],
  ['a blank before the first name', get(' Host: h')],
  ['a bare LF between fields', get('Host: h\nX-A: b')],
  ['a bare LF behind the request line', 'GET / HTTP/1.1\nHost: h\r\n\r\n'],
  ['bare LFs at the end', 'GET / HTTP/1.1\r\nHost: h\n\n'],
  ['a bare CR in a value', get('Host: h\r\nX-A: b\rc')],
  ['a NUL in a value', get('Host: h\r\nX-A: b\0c')],
  ['a NUL in a name', get('Host: h\r\nX\0A: b')],
  ['a NUL in the target', get('Host: h', '/a\0b')],
  ['a control byte in a value', get('Host: h\r\nX-A: b\x01')],
  ['a DEL in a value', get('Host: h\r\nX-A: b\x7f')],
  ['a Latin-1 byte in a value', bytes(get('Host: h\r\nX-A: \xfc'))],
  ['a name that is no token', get('Host: h\r\nX(A): b')],
  ['an empty name', get('Host: h\r\n: b')],
  ['a field without a colon', get('Host: h\r\nnothing')],
  ['no Host', get('X-A: b')],
  ['two Hosts', get('Host: h\r\nHost: h')],
  ['65 fields', get(`Host: h${Array.from({ length: 64 }, (_, i) => `\r\nX-${i}: a`).join('')}`)],
  ['an unknown version', get('Host: h', '/', 'HTTP/1.2')],
  ['a version in lower case', get('Host: h', '/', 'http/1.1')],
  ['two blanks behind the method', 'GET  / HTTP/1.1\r\nHost: h\r\n\r\n'],
  ['two blanks before the version', 'GET /  HTTP/1.1\r\nHost: h\r\n\r\n'],
  ['a tab behind the method', 'GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n'],
  ['an absolute target', get('Host: h', 'http://h/')],
  ['security item 64: an authority as the target', 'CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n'],
  ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n'],
  ['a target without a slash', get('Host: h', 'x')],
  ['an 8-bit target', bytes(get('Host: h', '/\xfc'))],
  ['an overlong escape of the target\'s NUL', get('Host: h', '/%00')],
  ['a NUL escaped in the query', get('Host: h', '/?a=%00')],
  ['a parent segment', get('Host: h', '/a/../b')],
  ['an escaped parent segment', get('Host: h', '/a/%2e%2e/b')],
  ['an escaped slash', get('Host: h', '/a%2fb')],
  ['an escaped backslash', get('Host: h', '/a%5Cb')],
  ['an empty segment', get('Host: h', '//a')],
  ['a bad escape', get('Host: h', '/%zz')],
];

const refused = [
  ['HTTP/2.0', 505, get('Host: h', '/', 'HTTP/2.0')],
  ['the preface of HTTP/2', 505, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['HTTP/0.9', 400, 'GET /\r\n\r\n'],
  ['security item 64: TRACE', 501, 'TRACE / HTTP/1.1\r\nHost: h\r\n\r\n'],
  ['security item 64: a method in lower case', 501, 'get / HTTP/1.1\r\nHost: h\r\n\r\n'],
  ['security item 64: an invented method', 501, 'BREW / HTTP/1.1\r\nHost: h\r\n\r\n'],
  ['security item 67: a chunked body', 411, post('Transfer-Encoding: chunked', '1\r\na\r\n0\r\n\r\n')],
  ['a coding nobody knows', 411, post('Transfer-Encoding: x')],
  ['security item 69: a compressed body', 415, post('Content-Encoding: gzip\r\nContent-Length: 1', 'a')],
  ['an expectation nobody meets', 417, post('Expect: 200-ok\r\nContent-Length: 1')],
  ['security item 67: a body that is too large, before it is sent', 413, post('Content-Length: 999999999')],
  ['a body that is too large, though only asked for', 413, post('Expect: 100-continue\r\nContent-Length: 999999999')],
  ['security item 67: a target beyond 8 KiB', 414, get('Host: h', `/${'a'.repeat(8192)}`)],
];

const good = [
  ['a plain GET', get('Host: h')],
  ['HTTP/1.0 without a Host', get('X-A: b', '/', 'HTTP/1.0')],
  ['an empty value', get('Host: h\r\nX-A:')],
  ['a value behind many blanks', get('Host: h\r\nX-A: \t  b')],
  ['a value without a blank', get('Host:h\r\nX-A:b')],
  ['a value with colons and commas', get('Host: h\r\nX-A: a:b, c;d="e"')],
  ['UTF-8 in a value', bytes(get('Host: h\r\nX-A: \xc3\xbc'))],
  ['every sign of a token', get('Host: h\r\nx!#$%&\'*+-.^_`|~9: a')],
  ['a cookie of 11 KiB', get(`Host: h\r\nCookie: a=${'b'.repeat(11000)}`)],
  ['2,000 cookies', get(`Host: h\r\nCookie: ${'a=b; '.repeat(2000)}`)],
  ['two cookies', get('Host: h\r\nCookie: a=b; c="d"\r\nCookie: e=f')],
  ['the same field twice', get('Host: h\r\nAccept: a\r\nAccept: b')],
  ['64 fields', get(`Host: h${Array.from({ length: 63 }, (_, i) => `\r\nX-${i}: a`).join('')}`)],
  ['a query of all kinds', get('Host: h', '/?a=b+c&d=%26%3d&&e&=f&g=(h,i.j)')],
  ['an escaped letter', get('Host: h', '/t%C3%BCr')],
  ['a target of 8 KiB', get('Host: h', `/?a=${'b'.repeat(8192 - 4)}`)],
  ['a field of 12 KiB', get(`Host: h\r\nAuthorization: Bearer ${'a'.repeat(12000)}`)],
  ['64 fields of 12 KiB together', get(`Host: h${Array.from({ length: 63 }, (_, i) => `\r\nX-${i + 10}: ${'a'.repeat(186)}`).join('')}`)],
  ['an empty line before the request line', `\r\n${get('Host: h')}`],
  ['a body', post('Content-Length: 2\r\nContent-Type: application/json', '{}')],
  ['a GET with a body', get('Host: h\r\nContent-Length: 2').concat('{}')],
  ['an empty body', post('Content-Length: 0')],
];

// One answer, ours, whole, and the end: whoever made it.
function refusedOnce({ answers, closed, rest }, status, what) {
  assert.deepEqual(answers.map((answer) => answer.status), [status].flat(), what);
  const { headers, body } = answers.at(-1);
  assert.deepEqual(Object.keys(JSON.parse(body)), ['code', 'message', 'request_id'], what);
  assert.equal(JSON.parse(body).request_id, headers['x-request-id'], what);
  assert.match(headers['x-request-id'], /^[0-9a-f]{32}$/, what);
  for (const name of ['x-content-type-options', 'content-security-policy', 'strict-transport-security', 'referrer-policy', 'cache-control']) assert.ok(headers[name], `${name} of ${what}`);
  assert.equal(headers.connection, 'close', what);
  assert.equal(rest.length, 0, what);
  assert.ok(closed, what);
}

const pieces = (head, n) => Array.from({ length: Math.ceil(head.length / n) }, (_, i) => head.slice(i * n, (i + 1) * n));

for (const [name, head] of bad)
  test(`security item 63: ${name} is 400 and closes`, async () => refusedOnce(await exchange(port, [head, get('Host: smuggled')]), 400, name));

for (const [name, status, head] of refused)
  test(`${name.startsWith('security') ? '' : 'security item 63: '}${name} is ${status} and closes`, async () => refusedOnce(await exchange(port, head), status, name));

for (const [name, head] of good)
  test(`security item 63: ${name} is taken, and the connection is kept`, async () => {
    const once = name.startsWith('HTTP/1.0');
    const { answers, closed, rest } = await exchange(port, once ? head : [head, get('Host: h')], { want: once ? 1 : 2 });
    assert.equal(answers.length, once ? 1 : 2);
    for (const answer of answers) assert.ok(![400, 411, 413, 414, 415, 417, 431, 501].includes(answer.status), `${answer.status}`);
    assert.equal(closed, once);
    assert.equal(rest.length, 0);
  });

test('heads that come byte by byte are judged alike', async () => {
  for (const n of [1, 7]) {
    const taken = await exchange(port, pieces(get('Host: h\r\nX-A: b\r\nX-B:  c'), n));
    assert.notEqual(taken.answers[0].status, 400);
    for (const head of [get('Host: h\nX-A: b'), get('Host: h\r\nX-A: b\r\n c'), post('Content-Length: 0\r\nContent-Length: 6')]) {
      const { answers, closed } = await exchange(port, pieces(head, n));
      assert.deepEqual(answers.map((answer) => answer.status), [400]);
      assert.ok(closed);
    }
  }
});

test('a bad head behind good ones on one connection is refused, and nothing behind it is answered', async () => {
  const { answers, closed } = await exchange(port, [get('Host: h') + get('Host: h') + get('Host: h\nX-A: b') + get('Host: h')], { want: 3 });
  assert.equal(answers.length, 3);
  assert.deepEqual(answers.map((answer) => answer.status === 400), [false, false, true]);
  assert.ok(closed);
});

for (const [from, to, step] of [[12289, 12400, 37], [14000, 17000, 500], [17300, 18700, 23], [20000, 140000, 20011]])
  test(`security item 67: heads of ${from} to ${to} bytes are 431 and close, one line or many`, async () => {
    for (let size = from; size <= to; size += step) {
      const one = get('Host: h\r\nX-A: ');
      const many = get(`Host: h${`\r\nX-A: ${'a'.repeat(400)}`.repeat(Math.floor((size - 60) / 407))}\r\nX-B: `);
      for (const head of [one, many]) refusedOnce(await exchange(port, head.slice(0, -4) + 'a'.repeat(size - head.length) + head.slice(-4)), 431, `${size} bytes`);
    }
  });

test('security item 67: targets around and far beyond the bound are 414, 400 or 431 and close', async () => {
  for (const size of [8193, 12000, 12289, 17000, 17600, 17900, 18000, 18200, 18400, 18432, 18500, 20000, 65536, 200000]) {
    const got = await exchange(port, get('Host: h', `/${'a'.repeat(size - 1)}`));
    assert.ok([414, 431].includes(got.answers[0]?.status), `${size} bytes: ${got.answers[0]?.status}`);
    refusedOnce(got, got.answers[0].status, `${size} bytes`);
  }
});

// libmicrohttpd would take cookies apart, into memory that it then lacks for the answer.
test('a cookie of any number of parts is taken', async () => {
  for (const part of [',', ';', '; ', 'a=b; ', 'a=,', '=', 'a;', '"', 'a="b";'])
    for (const count of [1, 10, 100, 200, 400, 700, 1000, 2000, 3000]) {
      const got = await exchange(port, [get(`Host: h\r\nCookie: x=${part.repeat(count).slice(0, 11000).trim()}`), get('Host: h')], { want: 2 });
      assert.equal(got.answers.length, 2, `${count} of ${part}`);
      for (const answer of got.answers) assert.ok([200, 404].includes(answer.status), `${count} of ${part}: ${answer.status}`);
    }
});

test('bytes that are no HTTP are refused once, or closed without a word', async () => {
  const noise = Buffer.alloc(40000);
  for (let i = 0, x = 1; i < noise.length; i++) noise[i] = (x = (x * 1103515245 + 12345) & 0x7fffffff) >> 16;
  for (const [name, text] of [['TLS', Buffer.from('160301020001fc0303', 'hex')], ['noise', noise], ['empty lines', '\r\n'.repeat(20000)], ['blanks', ' '.repeat(40000)], ['one long word', 'a'.repeat(40000)], ['NULs', '\0'.repeat(40000)]]) {
    const got = await exchange(port, [text, '\r\n\r\n', '\r\n\r\n']);
    if (got.answers.length > 0) refusedOnce(got, got.answers[0].status, name);
    assert.ok(got.closed, name);
  }
});

test('what the library would refuse itself is counted, and logged when its target is known', async () => {
  const { answers: [answer] } = await exchange(port, get(`Host: h\r\nX-A: ${'a'.repeat(20000)}`, '/a-head-too-large'));
  const { readFile } = await import('node:fs/promises');
  const { join } = await import('node:path');
  let line;
  while (!(line = (await readFile(join(process.env.VYRICON_LOGS, 'shim.log'), 'utf8')).split('\n').find((text) => text.includes(answer.headers['x-request-id']))));
  assert.equal(JSON.parse(line).status, 431);
  assert.equal(JSON.parse(line).path, '/a-head-too-large');
});

test('a refusal is JSON with a request id and the headers of every answer', async () => {
  const { answers: [answer] } = await exchange(port, get('Host: h\r\nX-A : b'));
  const body = JSON.parse(answer.body.toString());
  assert.deepEqual(Object.keys(body), ['code', 'message', 'request_id']);
  assert.match(body.request_id, /^[0-9a-f]{32}$/);
  assert.equal(answer.headers['x-request-id'], body.request_id);
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.equal(answer.headers['x-content-type-options'], 'nosniff');
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.match(answer.headers['content-security-policy'], /default-src 'none'/);
  assert.equal(answer.headers.server, undefined);
});

test('who expects 100-continue gets it, then the answer', async () => {
  const { answers } = await exchange(port, [post('Expect: 100-continue\r\nContent-Length: 2'), '{}'], { want: 2 });
  assert.equal(answers[0].status, 100);
  assert.ok(answers[1].status >= 200 && answers[1].status !== 417);
});
