// `vyricon doctor`: what it prints, and how it ends.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { run } from './lib/process.mjs';

const doctor = (database) => run(process.env.VYRICON_BIN, ['doctor', '--database', database]);

test('vyricon doctor finds nothing in a database that was set up', async () => {
  const { status, out } = await doctor(process.env.DATABASE_URL);
  assert.equal(status, 0, out);
  assert.deepEqual(out.trim().split('\n').map((line) => line.replace(/ +/g, ' ')).sort(), ['encryption ok', 'jobs ok', 'ready ok', 'role attributes ok', 'roles ok']);
});

test('and says what to run where the extension is missing', async () => {
  const { status, out } = await doctor(process.env.DATABASE_URL.replace(/\/[^/?]*(\?|$)/, '/template1$1'));
  assert.equal(status, 1);
  assert.match(out, /^extension +run: vyricon init/);
});

test('a database that cannot be reached is an error', async () => {
  const { status, err } = await doctor('host=127.0.0.1 port=1');
  assert.equal(status, 1);
  assert.match(err, /^vyricon: /);
});
