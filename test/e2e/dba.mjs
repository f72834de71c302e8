// The DBA's way, on a cluster that make run did not make: make install, CREATE EXTENSION, setup(), make installcheck.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { run, root } from './lib/process.mjs';

// The cluster of with-server --no-setup is one that only has the library: what follows is the DBA's part.
const foreign = (script) => run('test/with-server', ['--no-setup', '--', 'bash', '-euc', script], { cwd: root });

test('CREATE EXTENSION names setup(), setup() makes the server ready, installcheck passes', async () => {
  const { status, out, err } = await foreign(`
    curl -s -o /dev/null -w 'before %{http_code}\\n' "$VYRICON_ADMIN_URL/ready"
    psql -Xqc 'CREATE EXTENSION vyricon' 2>&1 | grep -o 'vyricon.setup()' | head -1
    psql -Xqc 'SELECT vyricon.setup()' >/dev/null
    psql -Xqc 'SELECT vyricon.setup()' >/dev/null
    curl -s -o /dev/null --retry 30 --retry-delay 1 --retry-all-errors --fail "$VYRICON_ADMIN_URL/ready" && echo ready
    make -s installcheck >&2 && echo checked`);
  assert.equal(status, 0, `${out}\n${err.slice(-4000)}`);
  assert.deepEqual(out.trim().split('\n'), ['before 503', 'vyricon.setup()', 'ready', 'checked']);
});

test('setup() again keeps every row', async () => {
  const { status, out, err } = await foreign(`
    psql -Xqc 'CREATE EXTENSION vyricon' -c 'SELECT vyricon.setup()' >/dev/null
    psql -Xqc "SELECT auth.create_api_key('publishable', 'kept')" >/dev/null
    psql -Xqc 'SELECT vyricon.setup()' >/dev/null
    psql -XAtc "SELECT count(*) FROM auth.api_keys WHERE name = 'kept'"`);
  assert.equal(status, 0, err.slice(-2000));
  assert.equal(out.trim(), '1');
});

test('make install and uninstall leave a DESTDIR as it was', async () => {
  const { status, out, err } = await run('bash', ['-euc', `
    stage=$(mktemp -d)
    make -s install DESTDIR="$stage" >/dev/null
    find "$stage" -type f -name 'vyricon*' | sed 's:.*/::' | sort
    make -s uninstall DESTDIR="$stage" >/dev/null
    echo "left: $(find "$stage" -type f | wc -l)"
    rm -rf "$stage"`], { cwd: root });
  assert.equal(status, 0, err);
  const lines = out.trim().split('\n');
  for (const file of ['vyricon', 'vyricon.so', 'vyricon.control']) assert.ok(lines.includes(file), out);
  assert.ok(lines.some((line) => /^vyricon--[\d.]+\.sql$/.test(line)), out);
  assert.equal(lines.at(-1), 'left: 0');
});
