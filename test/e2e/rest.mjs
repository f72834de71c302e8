// /rest/v1 as the unmodified @supabase/supabase-js uses it, on the tours application.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { createClient } from '@supabase/supabase-js';

const url = process.env.VYRICON_URL;
const guide = '11111111-1111-4111-8111-111111111111';
const traveller = '22222222-2222-4222-8222-222222222222';

const sql = (text) => execFileSync('psql', ['-qXAt', '-v', 'ON_ERROR_STOP=1', process.env.DATABASE_URL], { input: text, encoding: 'utf8' });

function token(sub) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const input = `${part({ alg: 'HS256', typ: 'JWT', kid: 'test' })}.${part({ sub, role: 'authenticated', aud: 'authenticated', iat: now, exp: now + 600 })}`;
  return `${input}.${createHmac('sha256', process.env.VYRICON_JWT_SECRET).update(input).digest('base64url')}`;
}

// On Node.js 20 the client wants to be given a WebSocket, which these tests never open.
const realtime = globalThis.WebSocket ? {} : { transport: class {} };
const client = (sub) => createClient(url, process.env.VYRICON_PUBLISHABLE_KEY,
  { realtime, auth: { persistSession: false, autoRefreshToken: false }, ...(sub ? { accessToken: async () => token(sub) } : {}) });
const anon = client();
const asGuide = client(guide);
const asTraveller = client(traveller);

const ok = ({ data, error, count, status }) => {
  assert.equal(error, null);
  return { data, count, status };
};

before(() => sql(`
  CREATE FUNCTION public.e2e_add(a int, b int DEFAULT 1) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
  CREATE FUNCTION public.e2e_cheapest(n int) RETURNS SETOF public.tours LANGUAGE sql STABLE AS 'SELECT * FROM public.tours ORDER BY price_cents, id LIMIT n';
  CREATE TABLE public.e2e_settings (owner uuid DEFAULT auth.uid(), name text, value jsonb, tags text[], PRIMARY KEY (owner, name));
  ALTER TABLE public.e2e_settings ENABLE ROW LEVEL SECURITY;
  CREATE POLICY own ON public.e2e_settings USING (owner = auth.uid()) WITH CHECK (owner = auth.uid());
  GRANT EXECUTE ON FUNCTION public.e2e_add, public.e2e_cheapest TO anon, authenticated;
  GRANT SELECT, INSERT, UPDATE, DELETE ON public.e2e_settings TO authenticated;`));

after(() => sql('DROP FUNCTION public.e2e_add, public.e2e_cheapest; DROP TABLE public.e2e_settings;'));

test('select and eq: anon sees published tours only', async () => {
  const { data } = ok(await anon.from('tours').select('id,published').eq('published', true).limit(5));
  assert.equal(data.length, 5);
  assert.deepEqual(ok(await anon.from('tours').select().eq('published', false)).data, []);
});

test('order and range', async () => {
  const { data } = ok(await asGuide.from('tours').select('price_cents').order('price_cents', { ascending: false }).range(2, 4));
  const all = ok(await asGuide.from('tours').select('price_cents').order('price_cents', { ascending: false })).data;
  assert.deepEqual(data, all.slice(2, 5));
});

test('in, is, like, ilike, or', async () => {
  const [first, second] = ok(await anon.from('tours').select('id').order('id').limit(2)).data;
  assert.equal(ok(await anon.from('tours').select('id').in('id', [first.id, second.id])).data.length, 2);
  assert.deepEqual(ok(await anon.from('tours').select('id').is('starts_at', null)).data, []);
  assert.ok(ok(await anon.from('tours').select('title').like('title', '%Lisbon')).data.every((row) => row.title.endsWith('Lisbon')));
  assert.ok(ok(await anon.from('tours').select('title').ilike('title', 'SUNRISE%')).data.length > 0);
  assert.equal(ok(await anon.from('tours').select('id').or(`id.eq.${first.id},id.eq.${second.id}`)).data.length, 2);
});

test('single and maybeSingle', async () => {
  const [row] = ok(await anon.from('tours').select('id,title').limit(1)).data;
  assert.deepEqual(ok(await anon.from('tours').select('id,title').eq('id', row.id).single()).data, row);
  assert.equal(ok(await anon.from('tours').select().eq('id', guide).maybeSingle()).data, null);
  const { error, status } = await anon.from('tours').select().eq('id', guide).single();
  assert.equal(status, 406);
  assert.equal(error.code, 'PGRST116');
  assert.equal(error.details, 'The result contains 0 rows');
});

test('count, with rows and alone', async () => {
  const { data, count, status } = ok(await anon.from('tours').select('id', { count: 'exact' }).range(0, 9));
  assert.equal(data.length, 10);
  assert.equal(status, 206);
  assert.equal(ok(await anon.from('tours').select('*', { count: 'exact', head: true })).count, count);
  assert.equal(count, Number(sql('SELECT count(*) FROM public.tours WHERE published')));
});

test('insert, update and delete one\'s own', async () => {
  const made = ok(await asGuide.from('tours').insert({ title: 'Made by a client', price_cents: 100 }).select().single());
  assert.equal(made.status, 201);
  assert.equal(made.data.user_id, guide);
  const changed = ok(await asGuide.from('tours').update({ title: 'Changed' }).eq('id', made.data.id).select('title'));
  assert.deepEqual(changed.data, [{ title: 'Changed' }]);
  assert.equal(ok(await asTraveller.from('tours').update({ title: 'Stolen' }).eq('id', made.data.id).select()).data.length, 0);
  assert.equal(ok(await asGuide.from('tours').delete().eq('id', made.data.id)).status, 204);
  assert.equal(ok(await asGuide.from('tours').select().eq('id', made.data.id)).data.length, 0);
});

test('insert many, with columns and without a returned row', async () => {
  const { data, status } = ok(await asGuide.from('e2e_settings').insert([{ name: 'a', value: { x: [1] } }, { name: 'b', tags: ['t', 'u'] }], { defaultToNull: false }));
  assert.equal(status, 201);
  assert.equal(data, null);
  assert.deepEqual(ok(await asGuide.from('e2e_settings').select('name,value,tags').order('name')).data,
    [{ name: 'a', value: { x: [1] }, tags: null }, { name: 'b', value: null, tags: ['t', 'u'] }]);
  assert.deepEqual(ok(await asTraveller.from('e2e_settings').select()).data, []);
});

test('upsert merges, or ignores', async () => {
  const one = { owner: guide, name: 'theme', value: 'dark' };
  assert.equal(ok(await asGuide.from('e2e_settings').upsert(one)).status, 201);
  assert.equal(ok(await asGuide.from('e2e_settings').upsert({ ...one, value: 'light' }, { onConflict: 'owner,name' })).status, 200);
  await asGuide.from('e2e_settings').upsert({ ...one, value: 'none' }, { ignoreDuplicates: true });
  assert.equal(ok(await asGuide.from('e2e_settings').select('value').eq('name', 'theme').single()).data.value, 'light');
});

test('rpc by POST and by GET, and filters on what a function returns', async () => {
  assert.equal(ok(await anon.rpc('e2e_add', { a: 2, b: 3 })).data, 5);
  assert.equal(ok(await anon.rpc('e2e_add', { a: 2 }, { get: true })).data, 3);
  const { data } = ok(await anon.rpc('e2e_cheapest', { n: 3 }).select('id,price_cents').gt('price_cents', 0).order('price_cents', { ascending: false }));
  assert.equal(data.length, 3);
  assert.deepEqual(Object.keys(data[0]), ['id', 'price_cents']);
});

test('errors carry code, details, hint and message', async () => {
  const { error, status } = await anon.from('tourz').select();
  assert.equal(status, 404);
  assert.deepEqual({ ...error }, { code: 'PGRST205', details: null, hint: "Perhaps you meant the table 'public.tours'", message: "Could not find the table 'public.tourz' in the schema cache" });
  const denied = await anon.from('tours').insert({ title: 'Not allowed' });
  assert.equal(denied.status, 401);
  assert.equal(denied.error.code, '42501');
  const broken = await asGuide.from('tours').insert({ title: 'x' });
  assert.equal(broken.status, 400);
  assert.equal(broken.error.code, '23514');
});
