-- expose(): the matrix table x verb x role. What each caller may do is found out in SQL, with SET ROLE and claims, and must be what HTTP answers.
BEGIN;
SELECT plan(135);

CREATE TABLE public.x_both (id int PRIMARY KEY, user_id uuid NOT NULL, title text, published boolean NOT NULL DEFAULT false);
CREATE TABLE public.x_mine (id int PRIMARY KEY, user_id text NOT NULL, title text, published boolean NOT NULL DEFAULT false);
CREATE TABLE public.x_open (id int PRIMARY KEY, user_id uuid, title text, published boolean NOT NULL DEFAULT false);
SELECT ok(count(*) > 5, 'a dry run prints its statements') FROM vyricon.expose('public.x_both', 'user_id', 'published', dry_run => true);
SELECT is(relrowsecurity, false, 'and runs none') FROM pg_class WHERE oid = 'public.x_both'::regclass;
SELECT ok(count(*) > 5, 'expose() prints what it ran') FROM vyricon.expose('public.x_both', 'user_id', 'published');
SELECT is_empty($$ SELECT vyricon.expose('public.x_both', 'user_id', 'published') $$, 'the second call has nothing to do');
SELECT is(count(*), 0::bigint, 'as the plan says') FROM vyricon.expose_plan('public.x_both', 'user_id', 'published', true);
SELECT ok(relrowsecurity AND relforcerowsecurity, 'row-level security is on and forced') FROM pg_class WHERE oid = 'public.x_both'::regclass;
SELECT ok(count(*) > 0, 'an owner of text is exposed too') FROM vyricon.expose('public.x_mine', owner => 'user_id');
SELECT ok(count(*) > 0, 'and a table without owner') FROM vyricon.expose('public.x_open', publish => 'published');
SELECT isnt(vyricon.free_name('public', 'x_both', 'user_id'), 'x_both_user_id_idx', 'the index has the name that CREATE INDEX would choose');
SELECT is(bool_or(has_table_privilege(r, t, p)), false, 'no caller may truncate, refer to or hang triggers on a table')
  FROM unnest(ARRAY['anon', 'authenticated']) r, unnest(ARRAY['public.x_both', 'public.x_mine', 'public.x_open']) t,
       unnest(ARRAY['TRUNCATE', 'REFERENCES', 'TRIGGER']) p;

INSERT INTO public.x_both SELECT i, id, 'before', i = 1 FROM auth.users, generate_series(1, 2) i WHERE email = 'guide@example.com';
INSERT INTO public.x_mine SELECT * FROM public.x_both;
INSERT INTO public.x_open SELECT * FROM public.x_both;

-- What the caller does comes to: a number of rows, 'denied' or 'invalid'; always rolled back.
CREATE FUNCTION test.direct(who text, tab text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  n bigint;
BEGIN
  PERFORM test.as(who);
  EXECUTE format('WITH done AS (' || statement || ') SELECT count(*) FROM done', tab) INTO n;
  RAISE 'rolled back' USING ERRCODE = 'TT000', DETAIL = n;
EXCEPTION WHEN insufficient_privilege THEN RETURN 'denied';
  WHEN integrity_constraint_violation THEN RETURN 'invalid';
  WHEN SQLSTATE 'TT000' THEN RETURN n;
END $$;
CREATE FUNCTION test.over_http(who text, tab text, method text, target text, send text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  r record;
  result text;
BEGIN
  PERFORM test.as(who);
  r := test.call(method, format(target, tab), send, '{"prefer": "return=representation"}');
  result := CASE WHEN r.status IN (401, 403) THEN 'denied' WHEN r.status IN (400, 409) THEN 'invalid' ELSE jsonb_array_length(r.json)::text END;
  RAISE 'rolled back' USING ERRCODE = 'TT000';
EXCEPTION WHEN SQLSTATE 'TT000' THEN RETURN result;
END $$;

CREATE TEMP TABLE deed (verb text, name text, statement text, method text, target text, send text);
INSERT INTO deed VALUES
  ('select', 'reads the published row', 'SELECT 1 FROM public.%I WHERE id = 1', 'GET', '/rest/v1/%s?id=eq.1', NULL),
  ('select', 'reads the draft', 'SELECT 1 FROM public.%I WHERE id = 2', 'GET', '/rest/v1/%s?id=eq.2', NULL),
  ('insert', 'adds a row', 'INSERT INTO public.%I (id) VALUES (10) RETURNING *', 'POST', '/rest/v1/%s', '{"id":10}'),
  ('insert', 'adds a row in the guide''s name', 'INSERT INTO public.%I (id, user_id) VALUES (10, ''11111111-1111-4111-8111-111111111111'') RETURNING *',
   'POST', '/rest/v1/%s', '{"id":10,"user_id":"11111111-1111-4111-8111-111111111111"}'),
  ('update', 'changes the published row', 'UPDATE public.%I SET title = ''x'' WHERE id = 1 RETURNING *', 'PATCH', '/rest/v1/%s?id=eq.1', '{"title":"x"}'),
  ('update', 'changes the draft', 'UPDATE public.%I SET title = ''x'' WHERE id = 2 RETURNING *', 'PATCH', '/rest/v1/%s?id=eq.2', '{"title":"x"}'),
  ('update', 'gives the draft away', 'UPDATE public.%I SET user_id = ''33333333-3333-4333-8333-333333333333'' WHERE id = 2 RETURNING *', 'PATCH',
   '/rest/v1/%s?id=eq.2', '{"user_id":"33333333-3333-4333-8333-333333333333"}'),
  ('delete', 'removes the published row', 'DELETE FROM public.%I WHERE id = 1 RETURNING *', 'DELETE', '/rest/v1/%s?id=eq.1', NULL),
  ('delete', 'removes the draft', 'DELETE FROM public.%I WHERE id = 2 RETURNING *', 'DELETE', '/rest/v1/%s?id=eq.2', NULL);
CREATE TEMP TABLE seen AS
  SELECT tab, who, deed.verb, deed.name, test.direct(who, tab, statement) AS wanted, test.over_http(who, tab, method, target, send) AS answered
    FROM unnest(ARRAY['x_both', 'x_mine', 'x_open']) tab, unnest(ARRAY['anon', 'guide@example.com', 'stranger@example.com', 'service_role']) who, deed;

SELECT is(answered, wanted, format('%s: %s %s: %s', tab, who, name, wanted)) FROM seen ORDER BY tab, who, name;
SELECT ok(bool_or(wanted = '1') AND bool_or(wanted <> '1'), format('%s: %s is allowed to somebody and denied to somebody', tab, verb))
  FROM seen GROUP BY tab, verb ORDER BY tab, verb;

-- The matrix itself, where it matters most.
SELECT is(wanted, expected, format('%s %s on %s comes to %s', s.who, s.name, s.tab, expected))
  FROM seen s JOIN (VALUES
    ('x_both', 'anon', 'reads the published row', '1'), ('x_both', 'anon', 'reads the draft', '0'), ('x_both', 'anon', 'adds a row', 'denied'),
    ('x_both', 'stranger@example.com', 'changes the published row', '0'), ('x_both', 'guide@example.com', 'removes the draft', '1')) AS e(tab, who, name, expected)
  USING (tab, who, name);
SELECT * FROM finish();
ROLLBACK;
