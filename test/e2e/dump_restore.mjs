// A dump and its restore: setup() gives back rows, triggers, policies, indexes and grants;
// the copy's worker does nothing until adopted.
import { test, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const live = process.env.DATABASE_URL;
const tool = (name) => join(process.env.PG_BINDIR, name);
const url = (database) => live.replace(/\/[^/]*$/, `/${database}`);
const psql = (database, ...statements) =>
  execFileSync(tool('psql'), ['-XAtq', '-v', 'ON_ERROR_STOP=1', ...statements.flatMap((s) => ['-c', s]), url(database)],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
const source = live.match(/\/([^/]*)$/)[1];
const folder = mkdtempSync(join(tmpdir(), 'vyricon-dump-'));

const additions = `
  CREATE SCHEMA kept;
  CREATE TABLE kept.notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id uuid REFERENCES auth.users (id), body text);
  SELECT vyricon.expose('kept.notes', owner => 'user_id');
  CREATE FUNCTION kept.on_user() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
  CREATE TRIGGER kept_on_user BEFORE UPDATE ON auth.users FOR EACH ROW EXECUTE FUNCTION kept.on_user();
  CREATE POLICY kept_own_row ON auth.users FOR SELECT TO authenticated USING (id = auth.uid());
  CREATE INDEX kept_phone_idx ON auth.users (phone, created_at);
  GRANT SELECT (id, email) ON auth.users TO authenticated;
  INSERT INTO auth.users (email, aud, role) VALUES ('kept@example.com', 'authenticated', 'authenticated');
  INSERT INTO kept.notes (user_id, body) SELECT id, 'line' || E'\\n' || n FROM auth.users, generate_series(1, 50) AS n
    WHERE email = 'kept@example.com'`;
// Leaves the live database as it was: other files use it after this one.
const removal = `
  SELECT vyricon.unexpose('kept.notes');
  DROP TABLE kept.notes;
  DROP TRIGGER kept_on_user ON auth.users;
  DROP POLICY kept_own_row ON auth.users;
  DROP INDEX auth.kept_phone_idx;
  REVOKE SELECT (id, email) ON auth.users FROM authenticated;
  DROP SCHEMA kept CASCADE;
  DELETE FROM auth.users WHERE email = 'kept@example.com'`;

// What must be equal on both sides, each a text.
const ours = `n.nspname IN ('vyricon', 'auth', 'access', 'public', 'kept')`;
const rows = `SELECT string_agg(format('%s %s', c.oid::regclass, (xpath('/table/row/m/text()', query_to_xml(
      format('SELECT md5(string_agg(t::text, E''\\n'' ORDER BY t::text)) || count(*) AS m FROM %s AS t', c.oid::regclass), true, false, '')))[1]),
      E'\\n' ORDER BY c.oid::regclass::text COLLATE "C")
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE ${ours} AND c.relkind = 'r'`;
const list = (what, from) => `SELECT string_agg(${what}, E'\\n' ORDER BY ${what} COLLATE "C") FROM ${from}`;
const catalogue = {
  rows,
  triggers: list('pg_get_triggerdef(t.oid)',
    `pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE ${ours} AND NOT t.tgisinternal`),
  policies: list('p::text', `pg_policies AS p WHERE p.schemaname IN ('vyricon', 'auth', 'access', 'public', 'kept')`),
  indexes: list('i.indexdef', `pg_indexes AS i WHERE i.schemaname IN ('vyricon', 'auth', 'access', 'public', 'kept')`),
  constraints: list(`concat_ws(' ', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid))`,
    `pg_constraint AS k JOIN pg_namespace AS n ON n.oid = k.connamespace WHERE ${ours}`),
  'owners, security and table grants': list(
    `concat_ws(' ', c.oid::regclass, c.relowner::regrole, c.relrowsecurity, c.relforcerowsecurity,
      (SELECT array_agg(a::text ORDER BY a::text COLLATE "C") FROM unnest(coalesce(c.relacl, acldefault('r', c.relowner))) AS a))`,
    `pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE ${ours} AND c.relkind IN ('r', 'v')`),
  'column grants': list(`concat_ws(' ', a.attrelid::regclass, a.attname, a.attacl)`,
    `pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE ${ours} AND a.attacl IS NOT NULL`),
  'function grants': list(`concat_ws(' ', f.oid::regprocedure,
      (SELECT array_agg(a::text ORDER BY a::text COLLATE "C") FROM unnest(coalesce(f.proacl, acldefault('f', f.proowner))) AS a))`,
    `pg_proc AS f JOIN pg_namespace AS n ON n.oid = f.pronamespace WHERE ${ours}`),
};

const expiredKey = (name) => `INSERT INTO auth.api_keys (kind, name, hash, prefix, expires_at)
  VALUES ('secret', '${name}', sha256('${name}'), 'kept', now() - interval '30 days')`;
const keys = (database, name) => psql(database, `SELECT count(*) FROM auth.api_keys WHERE name = '${name}'`);

// Waits for a condition, asked again each time the server answers; the statement's own limit ends a wait that is in vain.
const until = (database, condition) => psql(database, `DO $wait$ BEGIN
  FOR i IN 1 .. 3000 LOOP
    IF (${condition}) THEN RETURN; END IF;
    PERFORM pg_sleep(0.01);
  END LOOP;
  RAISE 'never: %', $condition$${condition}$condition$;
END $wait$`);
const state = (database) => `SELECT w.state FROM vyricon.stat_workers AS w WHERE w.datname = '${database}'`;

const connected = `EXISTS (SELECT FROM pg_stat_activity AS a
  WHERE a.datname = 'vyricon_copy' AND a.application_name = 'vyricon worker')`;

const databases = ['vyricon_copy', 'vyricon_renamed', 'vyricon_branch'];
const drop = () => databases.forEach((name) => psql('postgres', `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));

after(() => {
  drop();
  rmSync(folder, { recursive: true, force: true });
  psql(source, removal);
});

test('dump, restore, setup(): the same rows, triggers, policies, indexes, constraints and grants', async (t) => {
  psql(source, additions);
  psql('postgres', 'CREATE DATABASE vyricon_copy');
  execFileSync(tool('pg_dump'), ['-Fc', '-f', join(folder, 'dump'), live]);
  const restored = spawnSync(tool('pg_restore'), ['--exit-on-error', '-d', url('vyricon_copy'), join(folder, 'dump')],
    { encoding: 'utf8' });
  assert.equal(restored.status, 0, restored.stderr);
  assert.match(psql('vyricon_copy', 'SELECT vyricon.setup()'), /this is a copy of another installation/);
  for (const [what, query] of Object.entries(catalogue)) {
    await t.test(what, () => {
      const expected = psql(source, query);
      assert.notEqual(expected, '');
      assert.equal(psql('vyricon_copy', query), expected);
    });
  }
  assert.equal(psql('vyricon_copy', 'SELECT vyricon.ready()'), '');
});

test('no job runs in the copy until it is adopted', () => {
  psql('vyricon_copy', expiredKey('in the copy'));
  assert.throws(() => psql('vyricon_copy', `SELECT vyricon.run_job('purge')`), /no job runs in a database/);
  assert.equal(psql('vyricon_copy', `SELECT count(*) FROM vyricon.stat_workers
    WHERE datname = 'vyricon_copy' AND state = 'running' AND runs > 0`), '0');
  assert.equal(keys('vyricon_copy', 'in the copy'), '1');
  assert.match(psql('vyricon_copy', 'SELECT vyricon.setup(adopt => true)'), /adopted/);
  until('vyricon_copy', `NOT EXISTS (SELECT FROM auth.api_keys AS k WHERE k.name = 'in the copy')`);
  assert.equal(psql('vyricon_copy', state('vyricon_copy')), 'running');
  assert.equal(psql('vyricon_copy', `SELECT vyricon.run_job('purge')`), '0');
});

test('its worker makes way for CREATE DATABASE ... TEMPLATE, RENAME and DROP, and comes back', () => {
  until('postgres', connected);
  psql('postgres', 'CREATE DATABASE vyricon_branch TEMPLATE vyricon_copy');
  until('postgres', connected);
  psql('vyricon_branch', expiredKey('in the branch'));
  until('vyricon_branch', `(${state('vyricon_branch')}) = 'copy'`);
  assert.throws(() => psql('vyricon_branch', `SELECT vyricon.run_job('purge')`), /no job runs in a database/);
  assert.equal(keys('vyricon_branch', 'in the branch'), '1');
  psql('postgres', 'ALTER DATABASE vyricon_copy RENAME TO vyricon_renamed');
  until('vyricon_renamed', `(${state('vyricon_renamed')}) = 'running'`);
  psql('postgres', 'DROP DATABASE vyricon_renamed');
  psql('postgres', 'DROP DATABASE vyricon_branch');
  assert.equal(psql('postgres', `SELECT count(*) FROM pg_database WHERE datname LIKE 'vyricon_%'`), '0');
});
