-- What CREATE EXTENSION and setup() leave behind: roles, grants, owners, one installation; and what is said while a step is missing.
BEGIN;
SELECT plan(25);

-- Functions that any role may call: they tell a caller about itself.
CREATE TEMPORARY TABLE for_everybody ON COMMIT DROP AS
  SELECT unnest(ARRAY['auth.uid()', 'auth.user_id()', 'auth.role()', 'auth.email()', 'auth.org_id()', 'auth.jwt()',
                      'auth.use_claims(text)']::regprocedure[]) AS function;
CREATE TEMPORARY VIEW our_functions AS
  SELECT p.oid::regprocedure AS function, p.oid, p.prosecdef, p.proconfig
    FROM pg_proc AS p WHERE p.pronamespace = ANY ('{vyricon,auth,access}'::regnamespace[]);
CREATE TEMPORARY VIEW our_tables AS
  SELECT c.oid::regclass AS name, c.oid, c.relkind, c.relowner::regrole AS owner, c.relrowsecurity
    FROM pg_class AS c WHERE c.relnamespace = ANY ('{vyricon,auth,access}'::regnamespace[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f');
-- Whole words of a refusal or of none.
CREATE FUNCTION pg_temp.refusal_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  hint text;
BEGIN
  EXECUTE statement;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
  RETURN concat_ws(' ', SQLSTATE, SQLERRM, hint);
END $$;

-- setup() again
CREATE TEMPORARY TABLE before ON COMMIT DROP AS
  SELECT (SELECT jsonb_agg(s ORDER BY step) FROM vyricon.setup_steps AS s) AS steps,
         (SELECT to_jsonb(i) FROM vyricon.installation AS i) AS home,
         (SELECT jsonb_agg(k ORDER BY kid) FROM auth.signing_keys AS k) AS keys,
         (SELECT jsonb_agg(c.oid ORDER BY c.oid) FROM our_tables AS c) AS tables;
SELECT is(vyricon.setup(), 'Vyricon ' || vyricon.version() || ' is ready', 'a second setup() has nothing to do');
SELECT is((SELECT jsonb_agg(s ORDER BY step) FROM vyricon.setup_steps AS s), steps, 'it does no step again') FROM before;
SELECT is((SELECT to_jsonb(i) FROM vyricon.installation AS i), home, 'it leaves the installation as it was') FROM before;
SELECT is((SELECT jsonb_agg(k ORDER BY kid) FROM auth.signing_keys AS k), keys, 'it makes no key') FROM before;
SELECT is((SELECT jsonb_agg(c.oid ORDER BY c.oid) FROM our_tables AS c), tables, 'it makes no table') FROM before;
SELECT is(vyricon.setup(adopt => true), 'Vyricon ' || vyricon.version() || ' is ready', 'what belongs here already is not adopted');
SELECT is((SELECT to_jsonb(i) FROM vyricon.installation AS i), home, 'and stays as it was') FROM before;

-- Who may
CREATE ROLE setup_stranger;
GRANT USAGE ON SCHEMA vyricon TO setup_stranger;
GRANT EXECUTE ON FUNCTION vyricon.setup(boolean, boolean) TO setup_stranger;
SET LOCAL ROLE setup_stranger;
SELECT matches(pg_temp.refusal_of('SELECT vyricon.setup()'), '^VY403 .*superuser.*vyricon\.setup',
               'setup() is for superusers, even where granted');
RESET ROLE;
SELECT test.as('service_role');
SELECT throws_ok('SELECT vyricon.setup()', '42501', NULL, 'service_role may not call it at all');
SELECT test.as(NULL);

-- Ready, and not
SELECT is(vyricon.version(), (SELECT extversion FROM pg_extension WHERE extname = 'vyricon'), 'library and extension are one version');
SELECT is(vyricon.ready(), '', 'ready');
SELECT results_eq('SELECT system_identifier, database_oid, version, adopted_at <= now() FROM vyricon.installation',
                  $$ SELECT s.system_identifier::text, d.oid, vyricon.version(), true
                       FROM pg_control_system() AS s, pg_database AS d WHERE d.datname = current_database() $$,
                  'one row ties the tables to this cluster and database');
SAVEPOINT complete;
DELETE FROM vyricon.setup_steps WHERE step = (SELECT max(step) FROM vyricon.setup_steps);
SELECT is(vyricon.ready(), 'run SELECT vyricon.setup();', 'a missing step: ready() tells the command');
SELECT is((SELECT ARRAY[status::text, json ->> 'code', json ->> 'hint'] FROM test.call('GET', '/nowhere')),
          ARRAY['503', 'VY503', 'run SELECT vyricon.setup();'], 'and so does a request');
ROLLBACK TO complete;
SELECT is(vyricon.ready(), '', 'ready as soon as the step is back');
SAVEPOINT same_version;
UPDATE vyricon.installation SET version = '0.0.1';
SELECT is(vyricon.ready(), 'run SELECT vyricon.setup();', 'tables of an older version: the same');
ROLLBACK TO same_version;

-- Roles
SELECT set_eq($$ SELECT rolname::text, rolcanlogin, rolinherit, rolbypassrls, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication
                       FROM pg_roles
                      WHERE rolname IN ('anon', 'authenticated', 'service_role', 'vyricon_owner', 'vyricon_worker', 'vyricon_shim') $$,
                  $$ VALUES ('anon', false, true, false, false), ('authenticated', false, true, false, false),
                            ('service_role', false, true, true, false), ('vyricon_owner', false, true, false, false),
                            ('vyricon_shim', true, false, false, false), ('vyricon_worker', true, true, false, false) $$,
                  'each role has its attributes and no others');
SELECT is_empty($$ SELECT roleid::regrole FROM pg_auth_members 
                    WHERE member IN ('vyricon_shim'::regrole, 'vyricon_owner'::regrole, 'vyricon_worker'::regrole) $$,
                'roles of the platform are members of nothing');
SELECT set_has($$ SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setrole = 'vyricon_shim'::regrole $$,
               $$ VALUES ('log_parameter_max_length=0'), ('log_parameter_max_length_on_error=0') $$, 'no parameter of the shim is logged');

-- Rights
SELECT set_eq($$ SELECT function FROM our_functions WHERE has_function_privilege('vyricon_shim', oid, 'EXECUTE')
                 EXCEPT SELECT function FROM for_everybody $$,
              $$ SELECT unnest('{"vyricon.http_wire(bytea)","vyricon.http_failed(bytea,text[])","vyricon.http_resume(bytea,text,boolean)",vyricon.checks(),vyricon.ready()}'::regprocedure[]) $$,
              'the shim may call these functions');
SELECT is_empty($$ SELECT oid::regclass, p FROM pg_class, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) AS p
                    WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
                      AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
                      AND relpersistence <> 't' AND has_table_privilege('vyricon_shim', oid, p)
                      AND oid NOT IN (SELECT d.objid FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
                                       WHERE e.extname = 'pgtap') $$,
                'the shim has no right on any table');
SELECT set_eq($$ SELECT function FROM our_functions WHERE has_function_privilege('public'::text, oid, 'EXECUTE') $$,
              'SELECT function FROM for_everybody', 'everybody may call what is on the list, and nothing else');
SELECT is_empty($$ SELECT function FROM our_functions
                    WHERE prosecdef AND NOT EXISTS (SELECT FROM unnest(proconfig) AS c WHERE c ~ '^search_path=') $$,
                'a SECURITY DEFINER function has its search_path fixed');
SELECT is_empty($$ SELECT name, owner, relrowsecurity FROM our_tables
                    WHERE relkind IN ('r', 'p') AND (owner <> 'vyricon_owner'::regrole OR NOT relrowsecurity) $$,
                'platform tables belong to vyricon_owner and are under row-level security');
SELECT is_empty($$ SELECT function::text FROM our_functions WHERE obj_description(oid, 'pg_proc') IS NULL
                   UNION ALL
                   SELECT name::text FROM our_tables WHERE relkind IN ('r', 'p', 'v') AND obj_description(oid, 'pg_class') IS NULL $$,
                'every function, table and view has a comment');

SELECT * FROM finish();
ROLLBACK;
