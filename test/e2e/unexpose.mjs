// unexpose() brings `pg_dump -s` back byte for byte, whatever was there before.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { run } from './lib/process.mjs';

const url = process.env.DATABASE_URL;
const tables = {
  plain: 'CREATE TABLE undo.plain (id int PRIMARY KEY, user_id uuid, published boolean)',
  granted: 'CREATE TABLE undo.granted (id serial PRIMARY KEY, user_id uuid, published boolean); GRANT SELECT, UPDATE ON undo.granted TO anon; GRANT SELECT (id) ON undo.granted TO authenticated',
  defaulted: "CREATE TABLE undo.defaulted (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id uuid DEFAULT '11111111-1111-4111-8111-111111111111', published boolean DEFAULT true)",
  guarded: 'CREATE TABLE undo.guarded (id int PRIMARY KEY, user_id uuid, published boolean); ALTER TABLE undo.guarded ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON undo.guarded USING (id > 0)',
  forced: 'CREATE TABLE undo.forced (id int PRIMARY KEY, user_id uuid, published boolean); ALTER TABLE undo.forced ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE INDEX mine ON undo.forced (user_id)',
};

async function sql(text) {
  const { status, out, err } = await run('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', url, '-c', text]);
  assert.equal(status, 0, err);
  return out;
}

// \restrict carries a random word in each dump.
async function schema() {
  const { status, out, err } = await run('pg_dump', ['-s', '-d', url]);
  assert.equal(status, 0, err);
  return out.replace(/^\\(un)?restrict .*$/gm, '');
}

before(() => sql(`CREATE SCHEMA undo; GRANT USAGE ON SCHEMA undo TO anon; ${Object.values(tables).join(';')}`));
after(() => sql('DROP SCHEMA undo CASCADE'));

for (const name of Object.keys(tables))
  test(`a table that was ${name}`, async () => {
    const original = await schema();
    await sql(`SELECT vyricon.expose('undo.${name}', owner => 'user_id', publish => 'published')`);
    assert.notEqual(await schema(), original);
    await sql(`SELECT vyricon.unexpose('undo.${name}')`);
    assert.equal(await schema(), original);
  });
