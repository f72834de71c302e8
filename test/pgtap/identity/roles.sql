-- From below a handler nobody changes the role: every form of SET ROLE is refused by PostgreSQL itself.
BEGIN;
SELECT plan(38);
INSERT INTO auth.users (id, email, role, aud) VALUES ('aaaaaaaa-0000-4000-8000-000000000001', 'mallory@example.org', 'authenticated', 'authenticated');
CREATE SCHEMA hostile;
GRANT USAGE, CREATE ON SCHEMA hostile TO PUBLIC;
CREATE FUNCTION hostile.run(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  IF input->'body'->>'before' IS NOT NULL THEN EXECUTE input->'body'->>'before'; END IF;
  EXECUTE input->'body'->>'sql' INTO result;
  RETURN jsonb_build_object('value', result);
END $$;
SELECT vyricon.route('POST', '/hostile/run', 'hostile.run') \gset ignored_
SELECT session_user AS me \gset
SELECT set_config('test.me', :'me', true) \gset ignored_
CREATE FUNCTION hostile.as_me() RETURNS text LANGUAGE sql AS 'SELECT current_user::text';
CREATE FUNCTION hostile.owned() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user || '' '' || coalesce(auth.uid()::text, '''')';
CREATE FUNCTION hostile.owned_set_role() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN SET ROLE service_role; END';
CREATE FUNCTION hostile.owned_fails() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RAISE EXCEPTION ''inside''; END';
CREATE PROCEDURE hostile.commits() LANGUAGE plpgsql AS 'BEGIN COMMIT; END';
ALTER FUNCTION hostile.as_me() OWNER TO service_role;
SELECT test.as('mallory@example.org');
RESET ROLE;

CREATE TEMP TABLE attempts (n int, statement text) ON COMMIT DROP;
INSERT INTO attempts VALUES
  (1, 'SET ROLE service_role'),
  (2, format('SET ROLE %I', session_user)),
  (3, 'SET LOCAL ROLE service_role'),
  (4, 'SET SESSION ROLE service_role'),
  (5, 'SET ROLE NONE'),
  (6, 'RESET ROLE'),
  (7, 'SET ROLE authenticated'),
  (8, format('SET SESSION AUTHORIZATION %I', session_user)),
  (9, 'SET LOCAL SESSION AUTHORIZATION service_role'),
  (10, 'SET SESSION AUTHORIZATION DEFAULT'),
  (11, 'RESET SESSION AUTHORIZATION'),
  (12, $$SELECT set_config('role', 'service_role', true)$$),
  (13, $$SELECT set_config('role', 'none', false)$$),
  (14, $$SELECT pg_catalog.set_config('ROLE', 'vyricon_owner', false)$$),
  (15, $$SELECT set_config('session_authorization', 'vyricon_owner', false)$$),
  (16, $$DO 'BEGIN SET ROLE service_role; END'$$),
  (17, $$DO 'BEGIN PERFORM set_config(''role'', ''service_role'', true); END'$$),
  (18, 'SELECT hostile.owned_set_role()'),
  (19, $$UPDATE pg_catalog.pg_settings SET setting = 'service_role' WHERE name = 'role'$$);

SELECT is((SELECT status FROM test.call('POST', '/hostile/run', jsonb_build_object('before', statement, 'sql', 'SELECT current_user'))), 403,
          statement || ' is refused')
  FROM attempts WHERE n <= 18 ORDER BY n;
SELECT is(coalesce((SELECT json->>'value' FROM test.call('POST', '/hostile/run', jsonb_build_object('before', statement, 'sql', 'SELECT current_user'))),
                   'authenticated'), 'authenticated', 'an UPDATE of pg_settings does not change the role')
  FROM attempts WHERE n = 19;

CREATE TEMP TABLE answers ON COMMIT DROP AS
SELECT n, (SELECT json->>'value' FROM test.call('POST', '/hostile/run', jsonb_build_object('sql', statement))) AS value
  FROM (VALUES
    (1, 'SELECT current_user'),
    (2, 'SELECT hostile.owned()'),
    (3, 'SELECT hostile.as_me()'),
    (4, $$SELECT current_setting('role')$$)) AS t(n, statement);
SELECT is((SELECT value FROM answers WHERE n = 1), 'authenticated', 'the caller is its role');
SELECT is((SELECT value FROM answers WHERE n = 2), :'me' || ' aaaaaaaa-0000-4000-8000-000000000001',
          'a SECURITY DEFINER function has its owner''s rights and its caller''s identity');
SELECT is((SELECT value FROM answers WHERE n = 3), 'authenticated', 'a function''s owner does not matter without SECURITY DEFINER');
SELECT is((SELECT json->>'value' FROM test.call('POST', '/hostile/run', '{"before":"SELECT hostile.owned()","sql":"SELECT current_user"}'::jsonb)),
          'authenticated', 'after a SECURITY DEFINER function the caller is back');
SELECT is((SELECT json->>'value' FROM test.call('POST', '/hostile/run',
            jsonb_build_object('before', $$DO 'BEGIN PERFORM hostile.owned_fails(); EXCEPTION WHEN OTHERS THEN NULL; END'$$,
                               'sql', 'SELECT current_user || '' '' || auth.uid()'))),
          'authenticated aaaaaaaa-0000-4000-8000-000000000001', 'after an error inside a SECURITY DEFINER function the caller is back');
SELECT is((SELECT json->>'value' FROM test.call('POST', '/hostile/run', '{"before":"RESET ALL","sql":"SELECT current_user || auth.role()"}'::jsonb)),
          'authenticatedauthenticated', 'RESET ALL changes neither role nor identity');

CREATE FUNCTION hostile.sneaky() RETURNS text LANGUAGE sql AS 'SELECT current_user::text';
SELECT throws_ok($$SET LOCAL ROLE authenticated; ALTER FUNCTION hostile.sneaky() SET role = service_role$$, '42501', NULL,
                 'a caller cannot put a role clause on somebody''s function');
RESET ROLE;
ALTER FUNCTION hostile.sneaky() SET role = 'service_role';
SELECT is((SELECT status FROM test.call('POST', '/hostile/run', '{"sql":"SELECT hostile.sneaky()"}'::jsonb)), 403,
          'a function with a SET role clause is refused');
SELECT is((SELECT status FROM test.call('POST', '/hostile/run', '{"before":"CALL hostile.commits()","sql":"SELECT 1"}'::jsonb)) >= 400, true,
          'a procedure cannot end the transaction');
SELECT isnt((SELECT status FROM test.call('POST', '/hostile/run', jsonb_build_object('before', statement, 'sql', 'SELECT 1'))), 200, name)
  FROM (VALUES
    ('COMMIT', 'COMMIT is refused'),
    ('ROLLBACK', 'ROLLBACK is refused'),
    ('SAVEPOINT a', 'a plain SAVEPOINT is refused'),
    ('DISCARD ALL', 'DISCARD ALL is refused'),
    ('CREATE ROLE friend SUPERUSER', 'no role can be made'),
    ('GRANT service_role TO authenticated', 'no membership can be granted'),
    ('ALTER ROLE authenticated SUPERUSER', 'no role can be changed'),
    ($$SELECT pg_read_file('PG_VERSION')$$, 'no file of the server can be read'),
    ('SELECT value FROM vyricon.secrets', 'secrets cannot be read')) AS t(statement, name);

SELECT is(current_user::text, :'me', 'after all this the session is who it was');
SELECT * FROM finish();
ROLLBACK;
