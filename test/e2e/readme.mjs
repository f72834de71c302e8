// README.md as a reader runs it: every sql, sh, js and pgtap block, in order and verbatim, with the answers that its words promise.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root, run } from './lib/process.mjs';

const blocks = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^```(sql|sh|js|pgtap)\n(.*?)^```$/gms)]
  .map(([, language, text]) => ({ language, text }));
const database = process.env.DATABASE_URL;
const script = join(root, 'test/e2e', `readme-block-${process.pid}.mjs`);

// psql reads the text as a file of its own, so that its error names a line.
const psql = (text) => run('bash', ['-c', 'psql -XqAt -v ON_ERROR_STOP=1 "$DATABASE_URL" <<<"$0"', text], { cwd: root });

const runners = {
  sql: psql,
  sh: (text) => run('bash', ['-eu', '-o', 'pipefail', '-c', text], { cwd: root }),
  js: async (text) => {
    await writeFile(script, text);
    return run(process.execPath, [script], { cwd: root });
  },
  pgtap: (text) => psql(`BEGIN;\n${text}\nROLLBACK;`),
};

// What the text around a block says about its answer, in the order of the blocks.
const promises = [
  ['sql', (out) => assert.match(out, /ROW LEVEL SECURITY[^]*CREATE POLICY/)],
  ['sh', (out) => {
    const [made, listed, hidden] = out.trim().split(/(?<=\])\s*(?=\[)/).map((text) => JSON.parse(text));
    assert.equal(made.length, 1);
    assert.equal(made[0].user_id, '11111111-1111-4111-8111-111111111111');
    assert.equal(made[0].body, 'my first note');
    assert.deepEqual(listed, [{ id: made[0].id, body: 'my first note' }]);
    assert.deepEqual(hidden, []);
  }],
  ['js', (out) => assert.equal(out.match(/title: '.+?'/g)?.length, 3)],
  ['sql', (out) => assert.match(out, /^\n?200\|\[\{"title":".+?"\}\]$/m)],
  ['sh', (out) => {
    const [made, refused] = out.trim().split(/(?<=\])\s*(?=\{)/).map((text) => JSON.parse(text));
    assert.deepEqual([made[0].user_id, made[0].body], ['11111111-1111-4111-8111-111111111111', 'by cookie']);
    assert.equal(refused.code, 'VYCSR');
  }],
  ['sql', (out) => assert.match(out, /^\d+\n(.*\n)?http\|queued\|1$/m)],
  ['sql', (out) => assert.match(out, /^\d+\n$/)],
  ['sql', async (out) => {
    const id = /^\d+$/m.exec(out)[0];
    const answer = async () => (await psql(`SELECT coalesce(answer, problem) FROM vyricon.jobs WHERE id = ${id} AND state NOT IN ('queued', 'in_flight')`)).out.trim();
    for (const end = Date.now() + 10000; Date.now() < end && await answer() === ''; await sleep(50));
    assert.equal(await answer(), '"hello Ada"');
  }],
  ['sql', (out) => assert.match(out, /^(\d{4}-\d\d-\d\d 0[78]:00:00\+00)\nweekly report\|\1\|\|\|$/m)],
  ['sql', (out) => assert.match(out, /^\d+$/m)],
  ['pgtap', (out) => assert.deepEqual(out.match(/^(not )?ok|^1\.\..*/gm), ['1..2', 'ok', 'ok'])],
];

before(async () => {
  const { status, err } = await run('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-f', 'test/pgtap/helpers.sql', database], { cwd: root });
  assert.equal(status, 0, err);
});

after(async () => {
  await rm(script, { force: true });
  const { status, err } = await psql('DELETE FROM vyricon.schedules; DELETE FROM vyricon.jobs; DELETE FROM vyricon.mailbox; DROP TABLE IF EXISTS public.notes; DROP FUNCTION IF EXISTS public.greet; DROP SCHEMA test CASCADE; DROP EXTENSION pgtap;');
  assert.equal(status, 0, err);
});

test('each block is one of those that something is known about', () => {
  assert.deepEqual(blocks.map(({ language }) => language), promises.map(([language]) => language));
});

promises.forEach(([language, holds], number) => {
  test(`block ${number + 1} of README.md, ${language}`, async () => {
    const { status, out, err } = await runners[language](blocks[number].text);
    assert.equal(status, 0, `${out}\n${err}`);
    await holds(out);
  });
});
