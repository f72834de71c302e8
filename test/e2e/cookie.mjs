// A session in a cookie, in Chromium: the user's own page works with it, a neighbour's page does not, unless it is listed.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import http from 'node:http';
import { chromium } from 'playwright-core';
import { serve, sign, sql } from './lib/serve.mjs';

const guide = '11111111-1111-4111-8111-111111111111';
let browser;
let page;
let server;
let ours;
let neighbour;
let csrf;

// What the page, which is of this origin, can see of an answer.
const from = (origin, target, options = {}) => page.evaluate(async ([target, options]) => {
  try {
    const answer = await fetch(target, options);
    return { type: answer.type, status: answer.status, body: await answer.text() };
  } catch (error) {
    return { type: 'error', message: error.message };
  }
}, [target, options]).then((got) => { assert.equal(new URL(page.url()).origin, origin); return got; });

const words = () => sql('SELECT coalesce(string_agg(word, \',\' ORDER BY id), \'\') FROM public.cookie_notes');
const write = (word, token) => ({ method: 'POST', credentials: 'include', headers: { 'content-type': 'application/json', ...(token ? { 'x-csrf-token': token } : {}) }, body: JSON.stringify({ word }) });

before(async () => {
  sql(`CREATE TABLE public.cookie_notes (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id uuid NOT NULL DEFAULT auth.uid(), word text);
       SELECT vyricon.expose('public.cookie_notes', owner => 'user_id')`);
  server = await serve(['--static', 'test/app/web']);
  ours = `http://localhost:${server.port}`;
  neighbour = http.createServer((request, answer) => answer.setHeader('content-type', 'text/html').end('<!doctype html><title>neighbour</title>'));
  await new Promise((done) => neighbour.listen(0, '127.0.0.1', done));
  neighbour.origin = `http://localhost:${neighbour.address().port}`;
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  page = await (await browser.newContext()).newPage();
});

after(async () => {
  await browser?.close();
  neighbour?.close();
  await server?.stop();
  sql('DROP TABLE public.cookie_notes');
});

test('a page gives its token and gets a cookie that no script sees', async () => {
  await page.goto(`${ours}/`);
  const token = sign({ sub: guide, role: 'authenticated', aud: 'authenticated', session_id: 'e2e' });
  const got = await from(ours, '/auth/v1/cookie', { method: 'POST', headers: { authorization: `Bearer ${token}` } });
  assert.equal(got.status, 200, got.body);
  assert.equal(JSON.parse(got.body).user_id, guide);
  csrf = JSON.parse(got.body).csrf_token;
  assert.equal(await page.evaluate(() => document.cookie), '');
  const [cookie] = await page.context().cookies(ours);
  assert.deepEqual([cookie.name, cookie.value, cookie.httpOnly, cookie.secure, cookie.sameSite, cookie.path], ['__Host-vyricon', token, true, true, 'Lax', '/']);
});

test('with it the page reads and writes as its user', async () => {
  assert.equal((await from(ours, '/rest/v1/cookie_notes', write('without the token'))).status, 403);
  const made = await from(ours, '/rest/v1/cookie_notes', write('own', csrf));
  assert.equal(made.status, 201, made.body);
  const rows = await from(ours, '/rest/v1/cookie_notes');
  assert.deepEqual(JSON.parse(rows.body).map(({ user_id, word }) => [user_id, word]), [[guide, 'own']]);
});

test('a neighbour\'s page, to which the browser gives the cookie too, cannot write', async () => {
  await page.goto(neighbour.origin);
  const target = `${ours}/rest/v1/cookie_notes`;
  for (const token of [undefined, 'guessed', csrf]) await from(neighbour.origin, target, write('fetched', token));
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])
    await from(neighbour.origin, target, { ...write('simple'), mode: 'no-cors', headers: { 'content-type': type } });
  // a Blob without a type is sent without a Content-Type, and so without a preflight
  await page.evaluate((target) => fetch(target, { method: 'POST', credentials: 'include', mode: 'no-cors', body: new Blob(['{"word":"blob"}']) }).catch(() => {}), target);
  for (const enctype of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
    const [answer] = await Promise.all([
      page.waitForResponse((response) => response.url() === target),
      page.evaluate(([target, enctype]) => {
        const form = Object.assign(document.createElement('form'), { action: target, method: 'POST', enctype });
        form.append(Object.assign(document.createElement('input'), { name: '{"word":"', value: 'form"}' }));
        document.body.append(form);
        form.submit();
      }, [target, enctype]),
    ]);
    assert.equal(answer.status(), 415, enctype);
    assert.ok((await answer.request().allHeaders()).cookie.includes('__Host-vyricon='), 'the browser sent the cookie');
    await page.waitForURL(target);
    await page.goto(neighbour.origin);
  }
  assert.equal(words(), 'own');
});

test('nor can it read; when its origin is listed it can do both', async () => {
  await page.goto(neighbour.origin);
  const target = `${ours}/rest/v1/cookie_notes`;
  assert.equal((await from(neighbour.origin, target, { credentials: 'include' })).type, 'error');
  sql(`ALTER SYSTEM SET vyricon.cors_origins = '${neighbour.origin}'`);
  try {
    sql('SELECT pg_reload_conf()');
    let made;
    while ((made = await from(neighbour.origin, target, write('listed', csrf))).type === 'error' || made.status !== 201);
    const rows = await from(neighbour.origin, target, { credentials: 'include' });
    assert.deepEqual(JSON.parse(rows.body).map(({ word }) => word), ['own', 'listed']);
  } finally {
    sql('ALTER SYSTEM RESET vyricon.cors_origins');
    sql('SELECT pg_reload_conf()');
  }
});

test('the page takes the cookie back and is nobody again', async () => {
  await page.goto(`${ours}/`);
  assert.equal((await from(ours, '/auth/v1/cookie', { method: 'DELETE', headers: { 'x-csrf-token': csrf } })).status, 204);
  assert.deepEqual(await page.context().cookies(ours), []);
  assert.equal((await from(ours, '/rest/v1/cookie_notes', write('nobody'))).status, 401);
});
