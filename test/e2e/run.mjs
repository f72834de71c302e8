// make run, as a newcomer meets it: one screen, three lines that work when pasted, Ctrl-C, and the data is there the next time.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Service, copyOfSources, run } from './lib/process.mjs';

const traveller = '22222222-2222-4222-8222-222222222222';
const guide = '11111111-1111-4111-8111-111111111111';
let copy;
let service;
let screen;

const start = () => new Service('make', ['--no-print-directory', 'run', `DATA=${join(copy, 'data-of-its-own')}`], { cwd: copy, env: plainEnvironment() });
const curlLines = (text) => text.split('\n').filter((line) => line.startsWith('curl '));
const paste = async (line) => {
  const { status, out, err } = await run('bash', ['-c', line], { cwd: '/', env: plainEnvironment() });
  assert.equal(status, 0, err);
  return JSON.parse(out);
};

// Command lines of this machine's processes that name the folder.
async function processesOf(folder) {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.map((line) => line.replaceAll('\0', ' ')).filter((line) => line.includes(folder));
}

// What the suite's own server exported must not help or hinder.
function plainEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PG|VYRICON_(?!GCOV)|DATABASE_URL|MAKE|MFLAGS|NODE_)/.test(name)));
}

before(async () => {
  copy = await copyOfSources();
  service = start();
  screen = await service.says(/Ready after \d+ s/);
});

after(async () => {
  await service?.interrupt();
  await rm(copy, { recursive: true, force: true });
});

test('the first line shows what anybody sees: published tours', async () => {
  const rows = await paste(curlLines(screen)[0]);
  assert.equal(rows.length, 3);
  for (const row of rows) assert.deepEqual(Object.keys(row), ['title', 'price_cents']);
});

test('anon sees published tours only', async () => {
  const all = curlLines(screen)[0].replace('select=title,price_cents', 'select=published').replace('limit=3', 'limit=1000');
  const rows = await paste(all);
  assert.ok(rows.length > 100, `${rows.length} rows`);
  assert.ok(rows.every((row) => row.published === true));
});

test('the second line shows a traveller\'s own tours, drafts too', async () => {
  const rows = await paste(curlLines(screen)[1]);
  assert.equal(rows.length, 3);
  const all = await paste(curlLines(screen)[1].replace('&limit=3', ''));
  assert.ok(all.some((row) => row.published === false));
});

test('the traveller never sees the guide\'s drafts', async () => {
  const line = curlLines(screen)[1].replace(`user_id=eq.${traveller}&limit=3`, `user_id=eq.${guide}`);
  const rows = await paste(line);
  assert.ok(rows.length > 50);
  assert.ok(rows.every((row) => row.published === true));
});

test('the third line adds a tour that belongs to the guide', async () => {
  const [row] = await paste(curlLines(screen)[2]);
  assert.equal(row.title, 'Night walk');
  assert.equal(row.price_cents, 1900);
  assert.equal(row.user_id, guide);
  assert.equal(row.published, false);
});

test('the page, the .env lines and the database URL are on the screen', async () => {
  const url = /The page +(\S+)/.exec(screen)[1];
  const page = await fetch(url);
  assert.equal(page.status, 200);
  assert.match(await page.text(), /<title>Tours/);
  assert.match(screen, new RegExp(`^NEXT_PUBLIC_SUPABASE_URL=${url.replace(/\/$/, '')}$`, 'm'));
  assert.match(screen, /^NEXT_PUBLIC_SUPABASE_ANON_KEY=sb_publishable_\S+$/m);
  const database = /Database +(\S+)/.exec(screen)[1];
  const { out } = await run('psql', ['-XAtc', 'SELECT count(*) > 199 FROM tours', database], { env: plainEnvironment() });
  assert.equal(out, 't\n');
});

test('a second make run on the same folder is refused and harms nothing', async () => {
  const second = start();
  assert.notEqual(await second.ended, 0);
  assert.match(second.text, /already running/);
  assert.equal((await paste(curlLines(screen)[0])).length, 3);
});

test('Ctrl-C leaves no process', async () => {
  await service.interrupt();
  assert.deepEqual(await processesOf(copy), []);
});

test('the second start keeps the data and takes less than 10 seconds to its first line', async () => {
  const from = Date.now();
  service = start();
  screen = await service.says(/Ready after \d+ s/);
  assert.ok(Date.now() - from < 10_000, `${Date.now() - from} ms`);
  const line = curlLines(screen)[1].replace('traveller@', 'guide@').replace(/user_id=.*&limit=3/, 'title=eq.Night%20walk');
  assert.equal((await paste(line)).length, 1);
});
