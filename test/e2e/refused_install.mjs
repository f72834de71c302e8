// CREATE EXTENSION builds on nobody else's ground: a squatted schema or a role with other attributes make it fail and say so.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { run, root } from './lib/process.mjs';

test('a squatted schema, a role with other attributes', async () => {
  const { status, out, err } = await run('test/with-server', ['--no-setup', '--no-serve', '--', 'bash', '-uc', `
    export PGOPTIONS='-c client_min_messages=warning'
    psql -Xqc 'CREATE SCHEMA vyricon'
    psql -Xqc 'CREATE EXTENSION vyricon' 2>&1
    psql -Xqc 'DROP SCHEMA vyricon' -c 'CREATE ROLE vyricon_owner LOGIN BYPASSRLS'
    psql -Xqc 'CREATE EXTENSION vyricon' 2>&1
    psql -Xqc 'ALTER ROLE vyricon_owner NOLOGIN NOBYPASSRLS' -c 'CREATE EXTENSION vyricon' -c 'SELECT vyricon.setup()' >/dev/null && echo mended`],
  { cwd: root });
  assert.equal(status, 0, err.slice(-2000));
  const text = out.trim();
  assert.match(text, /schema "vyricon" already exists/);
  assert.match(text, /role "vyricon_owner" exists with other attributes[^]*It is LOGIN INHERIT BYPASSRLS, and must be NOLOGIN INHERIT NOBYPASSRLS/);
  assert.match(text, /HINT: {2}ALTER ROLE vyricon_owner/);
  assert.match(text, /mended$/);
});
