-- Why an answer is empty or refused: vyricon.explain() and x-vyricon-why.
BEGIN;
SELECT plan(28);
CREATE TABLE public.explained (id int PRIMARY KEY, user_id uuid, open boolean NOT NULL, kind text);
INSERT INTO public.explained SELECT i, CASE WHEN i <= 3 THEN '11111111-1111-4111-8111-111111111111'::uuid ELSE '33333333-3333-4333-8333-333333333333' END,
  i % 2 = 0, 'a' FROM generate_series(1, 10) i;
ALTER TABLE public.explained ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.explained FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON public.explained FOR SELECT TO authenticated USING (user_id = auth.uid());
CREATE POLICY even ON public.explained AS RESTRICTIVE FOR SELECT TO authenticated USING (explained.open);
CREATE POLICY writing ON public.explained FOR INSERT TO authenticated WITH CHECK (user_id = auth.uid());
CREATE POLICY strangers ON public.explained FOR SELECT TO service_role USING (true);
GRANT SELECT, INSERT ON public.explained TO authenticated;
GRANT SELECT ON public.explained TO anon, service_role;
CREATE TABLE public.ungranted (id int);
REVOKE ALL ON public.ungranted FROM PUBLIC, anon, authenticated;
CREATE TABLE public.void (id int);
GRANT SELECT ON public.void TO anon;

CREATE TEMP TABLE explained ON COMMIT DROP AS SELECT who, vyricon.explain('GET', '/rest/v1/explained?order=id', who) AS e
  FROM unnest(ARRAY['guide@example.com', '22222222-2222-4222-8222-222222222222', 'anon', 'service_role']) AS who;
SELECT e AS guide FROM explained WHERE who = 'guide@example.com' \gset
SELECT e AS traveller FROM explained WHERE who LIKE '2%' \gset
SELECT e AS anon FROM explained WHERE who = 'anon' \gset
SELECT e AS service FROM explained WHERE who = 'service_role' \gset

SELECT is(:'guide'::jsonb->>'route', '/rest/v1/:relation', 'the route is named');
SELECT is(:'guide'::jsonb->>'role' || ' ' || (:'guide'::jsonb->>'user_id'), 'authenticated 11111111-1111-4111-8111-111111111111', 'so is the caller');
SELECT is(:'guide'::jsonb->>'relation', 'public.explained', 'and the table');
SELECT is((:'guide'::jsonb->>'rows') || ' ' || (:'guide'::jsonb->>'visible'), '10 1', 'rows before and after the policies are counted');
SELECT is(p->>'verdict', want, 'policy ' || name || ': ' || want)
  FROM (VALUES ('own', 'hides 7 of 10 rows'), ('even', 'hides 5 of 10 rows'), ('writing', 'is not for this command'), ('strangers', 'is not for this role'))
         AS t(name, want),
       jsonb_array_elements(:'guide'::jsonb->'policies') AS p WHERE p->>'name' = name;
SELECT is((SELECT (p->>'removes')::int FROM jsonb_array_elements(:'guide'::jsonb->'policies') AS p WHERE p->>'name' = 'own'), 7, 'rows that a policy removes are a number');
SELECT matches(:'guide'::jsonb->>'sql', 'explained', 'the SQL is shown');
SELECT ok(:'guide'::jsonb->'plan'->0 ? 'Plan', 'and its plan');
SELECT ok((:'guide'::jsonb->'ms'->>'policies')::float >= 0, 'and the time of each stage');
SELECT is(:'traveller'::jsonb->>'why', 'policy own hides 10 of 10 rows from role authenticated; policy even hides 5 of 10 rows from role authenticated',
          'the policies that hide everything are named');
SELECT is(:'anon'::jsonb->>'why', 'row security of public.explained has no policy that lets role anon read: all 10 rows are hidden', 'no policy at all is said');
SELECT is(:'service'::jsonb->>'visible', '10', 'service_role is not bound by policies');
SELECT is(vyricon.explain('GET', '/rest/v1/ungranted', 'anon')->>'why',
          'no SELECT privilege for role anon on public.ungranted: GRANT it, or SELECT vyricon.expose(''public.ungranted'')', 'a missing privilege is said');
SELECT is(vyricon.explain('GET', '/nowhere', 'anon')->>'why', 'no route matches the path', 'a path without a route is said');
SELECT throws_ok($$SELECT vyricon.explain('GET', '/rest/v1/explained', 'nobody@example.com')$$, '42704', NULL, 'an unknown user is an error');
SELECT throws_ok($$SELECT vyricon.explain(NULL, '/')$$, '22004', NULL, 'a method is needed');
SELECT is(auth.uid(), NULL, 'after an explanation nobody is calling');
SELECT is(current_user, session_user, 'and the role is who it was');

-- The header.
CREATE FUNCTION public.why_of(who text, method text, path text, body text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM test.as(who);
  PERFORM set_config('role', 'none', true);
  RETURN (SELECT headers->>'x-vyricon-why' FROM test.call(method, path, body));
END $$;
SELECT is(public.why_of(who, method, path, body), want, name)
  FROM (VALUES
    ('traveller@example.com', 'GET', '/rest/v1/explained', NULL,
     'policy own hides 10 of 10 rows from role authenticated; policy even hides 5 of 10 rows from role authenticated', 'an empty answer names the policies'),
    ('guide@example.com', 'GET', '/rest/v1/explained?id=eq.1', NULL,
     'no row matches the filters; role authenticated may read 1 of 10 rows of public.explained', 'an empty answer names the filters'),
    ('anon', 'GET', '/rest/v1/void', NULL, 'public.void has no row', 'an empty table is said'),
    ('anon', 'GET', '/rest/v1/ungranted', NULL,
     'no SELECT privilege for role anon on public.ungranted: GRANT it, or SELECT vyricon.expose(''public.ungranted'')', 'a missing privilege is said in the header'),
    ('guide@example.com', 'POST', '/rest/v1/explained', '{"id":99,"open":true,"user_id":"33333333-3333-4333-8333-333333333333"}',
     'the new row violates row security of public.explained for role authenticated', 'a refused new row is said'),
    ('guide@example.com', 'GET', '/rest/v1/explained?id=eq.2', NULL, NULL, 'an answer with rows says nothing'))
  AS t(who, method, path, body, want, name);
SELECT test.as(NULL);
SELECT matches((SELECT headers->>'x-vyricon-why' FROM test.call('GET', '/rest/v1/explained', NULL::text, '{"authorization":"Bearer a.b.c"}')), '^[a-z].*token|malformed',
               'a refused token is said');
SELECT * FROM finish();
ROLLBACK;
