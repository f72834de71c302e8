-- security.sql: items of the security checklist about rows, roles and functions. What is tried is made from the catalogue: every exposed table
-- times every verb, so a table that is exposed tomorrow is tried tomorrow.
BEGIN;
SELECT * FROM no_plan();
-- In the parallel suite only item 4 runs in workers: a worker for each statement of pgTAP's would take longer than all the rest.
SET LOCAL max_parallel_workers_per_gather = 0;

-- Tables of other shapes than the application's: a serial key, a key of two columns, an owner that is a text, no column to publish.
SET LOCAL client_min_messages = warning;
CREATE TABLE public.security_notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id uuid, body text NOT NULL, published boolean NOT NULL DEFAULT false);
CREATE TABLE public.security_settings (owner text, name text, value jsonb, PRIMARY KEY (owner, name));
CREATE TABLE public.security_members (id serial PRIMARY KEY, user_id uuid NOT NULL, handle text NOT NULL UNIQUE, tour_id uuid REFERENCES public.tours (id));
CREATE TABLE public.security_lines (member int NOT NULL REFERENCES public.security_members (id), user_id uuid, n int, EXCLUDE USING btree (n WITH =), PRIMARY KEY (member));
SELECT vyricon.expose('public.security_notes', owner => 'user_id', publish => 'published'), vyricon.expose('public.security_settings', owner => 'owner'),
       vyricon.expose('public.security_members', owner => 'user_id'), vyricon.expose('public.security_lines', owner => 'user_id') \g /dev/null
RESET client_min_messages;
\set guide '11111111-1111-4111-8111-111111111111'
CREATE TEMP TABLE exposed ON COMMIT DROP AS
  SELECT format('%I.%I', schema_name, table_name)::regclass AS class, table_name, owner_column, publish_column FROM vyricon.exposed;
GRANT SELECT ON exposed TO PUBLIC;
SELECT is_empty($$ SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
                      AND has_any_column_privilege('authenticated', c.oid, 'SELECT, INSERT, UPDATE') AND c.oid NOT IN (SELECT class FROM exposed) $$,
                'security item 1: the matrix holds every table that a user may touch');

-- A row that the guide can insert: a value for each column that needs one.
CREATE FUNCTION test.body_of(relation regclass) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  body jsonb := '{}';
  col record;
  found text;
BEGIN
  FOR col IN SELECT a.attname, a.atttypid::regtype AS type, k.confrelid, f.attname AS refers
               FROM pg_attribute AS a
               LEFT JOIN pg_constraint AS k ON k.conrelid = a.attrelid AND k.contype = 'f' AND k.conkey = ARRAY[a.attnum]
               LEFT JOIN pg_attribute AS f ON f.attrelid = k.confrelid AND f.attnum = k.confkey[1]
              WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND NOT a.atthasdef AND a.attidentity = '' AND (a.attnotnull OR k.oid IS NOT NULL) LOOP
    IF col.refers IS NOT NULL THEN
      EXECUTE format('SELECT %I::text FROM %s LIMIT 1', col.refers, col.confrelid::regclass) INTO found;
    ELSE
      found := CASE col.type WHEN 'text'::regtype THEN 'a row of the matrix' WHEN 'boolean'::regtype THEN 'false' WHEN 'uuid'::regtype THEN gen_random_uuid()::text
                             WHEN 'timestamptz'::regtype THEN now()::text WHEN 'jsonb'::regtype THEN '{}' ELSE '7' END;
    END IF;
    body := body || jsonb_build_object(col.attname, found);
  END LOOP;
  RETURN body;
END $$;

-- 'id=eq.1&name=eq.x' of a row's primary key.
CREATE FUNCTION test.key_of(relation regclass, wanted jsonb) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(a.attname || '=eq.' || replace(wanted ->> a.attname, ' ', '%20'), '&' ORDER BY a.attnum)
    FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) WHERE i.indrelid = relation AND i.indisprimary $$;

-- Every byte of a table, and where its rows lie: an update that changes nothing moves a row too.
CREATE FUNCTION test.bytes_of(relation regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  found text;
BEGIN
  EXECUTE format('SELECT md5(string_agg(t.ctid::text || t::text, ''|'' ORDER BY t.ctid)) FROM %s AS t', relation) INTO found;
  RETURN found;
END $$;

SELECT test.as('guide@example.com');
RESET ROLE;
CREATE TEMP TABLE target ON COMMIT DROP AS SELECT e.*, NULL::jsonb AS wanted, NULL::int AS status FROM exposed AS e;
-- Members come before the lines that refer to them.
DO $$
DECLARE
  one record;
BEGIN
  FOR one IN SELECT class, table_name FROM exposed ORDER BY (SELECT count(*) FROM pg_constraint WHERE conrelid = class AND contype = 'f'), table_name DESC LOOP
    UPDATE target SET (wanted, status) = (SELECT a.json -> 0, a.status FROM test.call('POST', '/rest/v1/' || one.table_name, test.body_of(one.class) || '{}', '{"prefer":"return=representation"}') AS a)
     WHERE class = one.class;
  END LOOP;
END $$;
SELECT is(status, 201, 'security item 1: the owner creates a row of ' || class) FROM target;
SELECT is((SELECT a.status || ' ' || jsonb_array_length(a.json) FROM test.call('GET', format('/rest/v1/%s?%s', table_name, test.key_of(class, wanted))) AS a), '200 1',
          'security item 1: and reads it from ' || class) FROM target;

-- What a stranger and nobody get for it; rep: Prefer: return=representation, one: a single object.
CREATE TEMP TABLE verbs (verb text, headers jsonb, sent boolean, stranger text) ON COMMIT DROP;
INSERT INTO verbs VALUES
  ('GET', '{}', false, '200 []'),
  ('GET', '{"prefer":"count=exact"}', false, '200 []'),
  ('GET', '{"accept":"application/vnd.pgrst.object+json"}', false, '406'),
  ('HEAD', '{}', false, '200 '),
  ('PATCH', '{}', true, '204 '),
  ('PATCH', '{"prefer":"return=representation"}', true, '200 []'),
  ('PATCH', '{"prefer":"return=representation","accept":"application/vnd.pgrst.object+json"}', true, '406'),
  ('DELETE', '{}', false, '204 '),
  ('DELETE', '{"prefer":"return=representation"}', false, '200 []'),
  ('DELETE', '{"prefer":"return=representation","accept":"application/vnd.pgrst.object+json"}', false, '406'),
  ('PUT', '{}', true, '405'),
  ('POST', '{}', true, '403|409'),
  ('POST', '{"prefer":"resolution=merge-duplicates,return=representation"}', true, '403'),
  ('POST', '{"prefer":"resolution=ignore-duplicates,return=representation"}', true, '403|201 []');
CREATE FUNCTION test.attempt(who text, verb text, headers jsonb, sent boolean, class regclass, name text, wanted jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  before text := test.bytes_of(class);
  answer record;
BEGIN
  PERFORM test.as(who);
  RESET ROLE;
  answer := test.call(verb, format('/rest/v1/%s%s', name, CASE WHEN verb <> 'POST' THEN '?' || test.key_of(class, wanted) ELSE '' END),
                      CASE WHEN sent THEN wanted - (CASE WHEN name = 'security_notes' THEN 'id' ELSE '' END) END, headers);
  RETURN answer.status || CASE WHEN answer.status < 300 THEN ' ' || answer.body ELSE '' END || CASE WHEN test.bytes_of(class) IS DISTINCT FROM before THEN ', and the table changed' ELSE '' END;
END $$;
SELECT matches(test.attempt('stranger@example.com', verb, headers, sent, class, table_name, wanted),
               '^(' || replace(replace(stranger, '[', '\['), ']', '\]') || ')$', format('security item 1: a stranger''s %s of the guide''s row in %s %s', verb, class, headers))
  FROM target, verbs;
SELECT matches(test.attempt('anon', verb, headers, sent, class, table_name, wanted),
               CASE WHEN verb IN ('GET', 'HEAD') AND publish_column IS NOT NULL THEN '^' || replace(replace(stranger, '[', '\['), ']', '\]') || '$'
                    WHEN verb = 'PUT' THEN '^405$' ELSE '^401$' END,
               format('security item 1: nobody''s %s of the guide''s row in %s %s', verb, class, headers))
  FROM target, verbs;
SELECT test.as(NULL);

-- 4: SQL as a user's role, without claims and with those of a user that there is not (any more).
CREATE ROLE security_login LOGIN NOINHERIT;
GRANT authenticated, anon TO security_login;
SELECT auth.sign_jwt(jsonb_build_object('sub', 'dddddddd-0000-4000-8000-00000000000d', 'role', 'authenticated', 'aud', 'authenticated', 'exp', 4102444800)) AS gone \gset
-- The rows that a statement touches, or the SQLSTATE that refuses it; undone.
CREATE FUNCTION test.touched(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  n bigint;
BEGIN
  EXECUTE statement;
  GET DIAGNOSTICS n = ROW_COUNT;
  RAISE EXCEPTION USING ERRCODE = 'UNDO0';
EXCEPTION
  WHEN SQLSTATE 'UNDO0' THEN RETURN n;
  WHEN OTHERS THEN RETURN SQLSTATE;
END $$;
CREATE TEMP TABLE seen (claims text, class text, verb text, outcome text) ON COMMIT DROP;
GRANT INSERT ON seen TO PUBLIC;
CREATE TEMP VIEW tried AS
  SELECT class::text AS class, verb, format(statement, class, coalesce(publish_column, 'false'), owner_column) AS statement FROM exposed, (VALUES
    ('SELECT', 'SELECT FROM %1$s WHERE NOT %2$s'),
    ('UPDATE', 'UPDATE %1$s SET %3$I = %3$I'),
    ('DELETE', 'DELETE FROM %1$s'),
    ('INSERT', 'INSERT INTO %1$s DEFAULT VALUES'),
    ('TRUNCATE', 'TRUNCATE %1$s CASCADE')) AS v(verb, statement);
GRANT SELECT ON tried TO PUBLIC;
CREATE TEMP TABLE platform ON COMMIT DROP AS
  SELECT c.oid::regclass::text AS class, 'SELECT' AS verb, format('SELECT FROM %s', c.oid::regclass) AS statement
    FROM pg_class AS c WHERE c.relnamespace IN ('vyricon'::regnamespace, 'auth'::regnamespace, 'access'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm', 'S');
GRANT SELECT ON platform TO PUBLIC;
SET LOCAL max_parallel_workers_per_gather = 2;
SET SESSION AUTHORIZATION security_login;
SET LOCAL ROLE authenticated;
INSERT INTO seen SELECT 'no claims', class, verb, test.touched(statement) FROM tried UNION ALL SELECT 'no claims', class, verb, test.touched(statement) FROM platform;
SELECT set_config('request.jwt.claims', '{"sub":"11111111-1111-4111-8111-111111111111","role":"authenticated"}', true) \g /dev/null
INSERT INTO seen SELECT 'claims of its own making', class, verb, test.touched(statement) FROM tried;
SELECT set_config('request.jwt.claims', '', true), auth.use_claims(:'gone') \g /dev/null
INSERT INTO seen SELECT 'claims of a deleted user', class, verb, test.touched(statement) FROM tried WHERE verb <> 'INSERT'
  UNION ALL SELECT 'claims of a deleted user', class, verb, test.touched(statement) FROM platform;
RESET SESSION AUTHORIZATION;
SET LOCAL max_parallel_workers_per_gather = 0;
SELECT is(outcome, CASE WHEN verb IN ('SELECT', 'UPDATE', 'DELETE') AND outcome = '0' THEN '0' WHEN verb = 'INSERT' AND outcome = '23502' THEN '23502' ELSE '42501' END,
          format('security item 4: %s of %s with %s', verb, class, claims)) FROM seen;

-- 11: what PUBLIC may execute of ours is about the caller itself; nothing of ours may be run before a policy.
SELECT set_eq($$ SELECT p.oid::regprocedure::text FROM pg_proc AS p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS x
                  WHERE p.pronamespace IN ('vyricon'::regnamespace, 'auth'::regnamespace, 'access'::regnamespace) AND x.grantee = 0 $$,
              $$ VALUES ('auth.uid()'), ('auth.user_id()'), ('auth.role()'), ('auth.email()'), ('auth.org_id()'), ('auth.jwt()'), ('auth.use_claims(text)') $$,
              'security item 11: PUBLIC executes the functions of this list and no other');
SELECT is_empty($$ SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.proleakproof AND p.pronamespace IN ('vyricon'::regnamespace, 'auth'::regnamespace, 'access'::regnamespace) $$,
                'security item 11: no function of ours is leakproof');
SELECT is_empty($$ SELECT e.classid::regclass, e.objid FROM pg_depend AS e JOIN pg_extension AS x ON x.oid = e.refobjid AND x.extname = 'vyricon'
                    JOIN pg_proc AS p ON e.classid = 'pg_proc'::regclass AND p.oid = e.objid
                   WHERE e.deptype = 'e' AND p.pronamespace NOT IN ('vyricon'::regnamespace, 'auth'::regnamespace, 'access'::regnamespace) $$,
                'security item 11: no function of ours is in another schema');

-- 12: the row in the way is one that the caller cannot read.
INSERT INTO public.security_members (user_id, handle) VALUES (:'guide', 'canary-handle');
SELECT id AS member FROM public.security_members WHERE handle = 'canary-handle' \gset
INSERT INTO public.security_lines (member, user_id, n) VALUES (:member, :'guide', 424242);
SELECT test.as('stranger@example.com');
RESET ROLE;
SELECT is(a.status || ' ' || (a.json ->> 'code') || ' ' || coalesce(substring(a.body FROM 'canary|424242|_key|_pkey|_fkey|_excl|security_|' || :'member' || '|constraint'), 'silent'),
          want || ' silent', 'security item 12: ' || name || ' names neither value nor constraint')
  FROM (VALUES
    ('POST', 'security_members', '{"handle":"canary-handle"}', '409 23505', 'a unique key that a hidden row has'),
    ('POST', 'security_members', format('{"id":%s,"handle":"mine"}', :'member'), '409 23505', 'a primary key that a hidden row has'),
    ('POST', 'security_members', '{"handle":"other","tour_id":"00000000-0000-4000-8000-000000000000"}', '409 23503', 'a reference to nothing'),
    ('POST', 'security_lines', format('{"member":%s,"n":1}', :'member'), '409 23505', 'a key that refers to a hidden row'),
    ('POST', 'security_lines', '{"member":-1,"n":1}', '409 23503', 'a key that refers to nothing')
  ) AS t(method, path, send, want, name), LATERAL test.call(method, '/rest/v1/' || path, send) AS a;
INSERT INTO public.security_members (user_id, handle) VALUES ('33333333-3333-4333-8333-333333333333', 'own') RETURNING id AS own \gset
INSERT INTO public.security_lines (member, user_id, n) VALUES (:own, :'guide', 5);
SELECT is(a.status || ' ' || coalesce(substring(a.body FROM 'security_|_fkey|' || :own), 'silent'), '409 silent', 'security item 12: a hidden row that refers to the deleted one is not named')
  FROM test.call('DELETE', '/rest/v1/security_members?handle=eq.own') AS a;
SELECT is(a.status || ' ' || coalesce(substring(a.body FROM 'security_|_excl|424242'), 'silent'), '400 silent', 'security item 12: a hidden row that excludes the new one is not named')
  FROM test.call('POST', '/rest/v1/security_members', '{"handle":"third"}'::jsonb, '{"prefer":"return=representation"}') AS m,
       LATERAL test.call('POST', '/rest/v1/security_lines', format('{"member":%s,"n":424242}', m.json -> 0 ->> 'id')) AS a;
SELECT is((SELECT a.json ->> 'message' FROM test.call('POST', '/rest/v1/security_members', '{"handle":"canary-handle"}'::jsonb) AS a),
          (SELECT a.json ->> 'message' FROM test.call('POST', '/rest/v1/security_members', format('{"id":%s,"handle":"x"}', :'member')::jsonb) AS a),
          'security item 12: which of two keys is taken is not told');
SELECT test.as(NULL);

-- 42: names that are none are not found, whatever is in them; they reach SQL quoted, or not at all.
SELECT test.as('guide@example.com');
RESET ROLE;
SELECT matches(a.status::text, '^(400|404)$', format('security item 42: %s', name))
  FROM (VALUES
    ('%22', 'a quote'), ('%22;--', 'a quote that ends a statement'), ('tours%22%20WHERE%201=1;--', 'a condition'), (repeat('x', 63), '63 letters'), (repeat('x', 64), '64 letters'),
    (repeat('x', 1000), '1,000 letters'), ('%EF%BC%82tours%EF%BC%82', 'full-width quotes'), ('public.tours', 'a schema before the table'), ('%22public%22.%22tours%22', 'quoted'), ('TOURS', 'upper case'),
    ('tours%20', 'a blank behind'), ('to%C3%BCrs', 'a letter that is not ASCII'), ('$1', 'a parameter'), ('tours%0A', 'a line break')) AS t(word, name),
  unnest(ARRAY['/rest/v1/%s', '/rest/v1/rpc/%s', '/rest/v1/tours?select=%s', '/rest/v1/tours?order=%s', '/rest/v1/tours?%s=eq.1', '/rest/v1/tours?or=(%s.eq.1)', '/rest/v1/tours?columns=%s&on_conflict=%1$s']) AS pattern,
  LATERAL test.call(CASE WHEN pattern LIKE '%columns%' THEN 'POST' ELSE 'GET' END, format(pattern, word), CASE WHEN pattern LIKE '%columns%' THEN '[{"title":"none"}]' END) AS a;
SELECT test.as(NULL);

-- 86: an error inside a policy's function refuses.
CREATE FUNCTION public.security_fails() RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN 1 / 0 = 0; END $$;
CREATE TABLE public.security_guarded (id int PRIMARY KEY, body text);
INSERT INTO public.security_guarded VALUES (1, 'guarded-canary');
ALTER TABLE public.security_guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY guarded ON public.security_guarded USING (public.security_fails()) WITH CHECK (public.security_fails());
GRANT ALL ON public.security_guarded TO anon, authenticated;
SELECT test.as('guide@example.com');
RESET ROLE;
SELECT is((a.status >= 400) || ' ' || (a.body LIKE '%guarded-canary%') || ' ' || (SELECT string_agg(t::text, ' ') FROM public.security_guarded AS t), 'true false (1,guarded-canary)',
          format('security item 86: %s is refused when the policy''s function fails', method))
  FROM (VALUES ('GET', '', NULL), ('POST', '', '{"id":2}'), ('PATCH', '?id=eq.1', '{"body":"x"}'), ('DELETE', '?id=eq.1', NULL)) AS t(method, query, send),
       LATERAL test.call(method, '/rest/v1/security_guarded' || query, send) AS a;
SELECT test.as(NULL);

-- 90
SELECT is_empty($$ SELECT rolname FROM pg_roles WHERE rolname = 'vyricon_shim' AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication OR rolinherit OR NOT rolcanlogin) $$,
                'security item 90: the shim''s role may log in, and nothing else');
SELECT is_empty($$ SELECT rolname FROM pg_roles WHERE rolname = 'vyricon_owner' AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication OR rolcanlogin) $$,
                'security item 90: the owner''s role cannot log in and is no superuser');
SELECT is_empty($$ SELECT m.roleid::regrole FROM pg_auth_members AS m WHERE m.member IN ('vyricon_shim'::regrole, 'vyricon_owner'::regrole, 'vyricon_worker'::regrole) $$,
                'security item 90: none of the three is a member of another role');
SELECT is_empty($$ SELECT c.oid::regclass FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner
                    WHERE r.rolcanlogin AND NOT r.rolsuper AND c.relnamespace IN ('vyricon'::regnamespace, 'auth'::regnamespace, 'access'::regnamespace) $$,
                'security item 90: no role that logs in owns a table of the platform');
SELECT is_empty($$ SELECT usename FROM pg_stat_activity WHERE backend_type = 'vyricon worker' AND usename <> 'vyricon_worker' $$, 'security item 90: workers run as vyricon_worker');
SELECT is(rolsuper OR rolbypassrls, false, 'security item 90: the worker''s role is no superuser') FROM pg_roles WHERE rolname = 'vyricon_worker';
SELECT * FROM finish();
ROLLBACK;
