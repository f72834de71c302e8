// The page at /, in Chromium: three callers, one URL, and the database decides.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const url = process.env.VYRICON_URL;
let browser;
let page;
const complaints = [];

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  page = await browser.newPage();
  page.on('console', (message) => { if (message.type() === 'error') complaints.push(message.text()); });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(`${url}/`);
});

after(() => browser?.close());

async function ask(user) {
  await page.click(`button[data-user="${user}"]`);
  await page.waitForSelector(`body[data-user="${user}"]`);
  const drafts = await page.locator('#rows .tag.draft').count();
  return {
    drafts,
    foreignDrafts: drafts - await page.locator('#rows li:has(.tag.own) .tag.draft').count(),
    rows: await page.locator('#rows li').count(),
    count: Number(await page.textContent('#count')),
    request: await page.textContent('#request'),
    status: await page.textContent('#status'),
    answer: await page.textContent('#answer'),
    why: await page.textContent('#why'),
  };
}

test('anon sees published tours, the request and the policy that decided', async () => {
  const seen = await ask('anon');
  assert.equal(seen.status, '206');
  assert.equal(seen.rows, 24);
  assert.equal(seen.drafts, 0);
  assert.match(seen.request, /GET \/rest\/v1\/tours/);
  assert.match(seen.request, /role anon/);
  assert.match(seen.answer, /"title"/);
  assert.match(seen.why, /rows .*role anon|role anon .*rows/);
});

test('the guide sees drafts, all of them own, and more rows than anon', async () => {
  const anon = await ask('anon');
  const seen = await ask('guide@example.com');
  assert.ok(seen.drafts > 0);
  assert.equal(seen.foreignDrafts, 0);
  assert.ok(seen.count > anon.count, `${seen.count} and ${anon.count}`);
  assert.match(seen.request, /Authorization: Bearer /);
});

test('the traveller sees own drafts and none of the guide\'s', async () => {
  const guide = await ask('guide@example.com');
  const seen = await ask('traveller@example.com');
  assert.ok(seen.drafts > 0);
  assert.equal(seen.foreignDrafts, 0);
  assert.ok(seen.count < guide.count);
});

test('the page runs under its content security policy without a complaint', () => {
  assert.deepEqual(complaints, []);
});
