-- The roles. Run by CREATE EXTENSION and again by each vyricon.setup(). A role that exists is never altered: it is used when its attributes
-- are these; otherwise the script fails and says what to mend (a warning for the three that a Supabase import brings along).
DO $roles$
DECLARE
  wanted record;
  found_role record;
  attributes text;
BEGIN
  FOR wanted IN
    SELECT v.name, v.attributes, v.settings, v.must_match
      FROM (VALUES
        ('anon', 'NOLOGIN INHERIT NOBYPASSRLS', '{}'::pg_catalog.text[], false),
        ('authenticated', 'NOLOGIN INHERIT NOBYPASSRLS', '{}', false),
        ('service_role', 'NOLOGIN INHERIT BYPASSRLS', '{}', false),
        ('vyricon_owner', 'NOLOGIN INHERIT NOBYPASSRLS', '{}', true),
        ('vyricon_worker', 'LOGIN INHERIT NOBYPASSRLS', '{}', true),
        ('vyricon_shim', 'LOGIN NOINHERIT NOBYPASSRLS',
          '{log_parameter_max_length=0,log_parameter_max_length_on_error=0,'
          'statement_timeout=10s,idle_in_transaction_session_timeout=30s,search_path=public}', true)
      ) AS v(name, attributes, settings, must_match)
  LOOP
    SELECT r.oid, r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolreplication, r.rolcanlogin, r.rolinherit, r.rolbypassrls,
           s.setconfig
      INTO found_role
      FROM pg_catalog.pg_roles AS r
      LEFT JOIN pg_catalog.pg_db_role_setting AS s
        ON s.setrole OPERATOR(pg_catalog.=) r.oid AND s.setdatabase OPERATOR(pg_catalog.=) 0::pg_catalog.oid
      WHERE r.rolname OPERATOR(pg_catalog.=) wanted.name::pg_catalog.name;
    IF NOT FOUND THEN
      EXECUTE pg_catalog.format('CREATE ROLE %I %s', wanted.name, wanted.attributes);
      FOR i IN 1 .. pg_catalog.cardinality(wanted.settings) LOOP
        EXECUTE pg_catalog.format('ALTER ROLE %I SET %I = %L', wanted.name,
          pg_catalog.split_part(wanted.settings[i], '=', 1), pg_catalog.split_part(wanted.settings[i], '=', 2));
      END LOOP;
      CONTINUE;
    END IF;
    attributes := pg_catalog.concat(
      CASE WHEN found_role.rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END,
      CASE WHEN found_role.rolinherit THEN ' INHERIT' ELSE ' NOINHERIT' END,
      CASE WHEN found_role.rolbypassrls THEN ' BYPASSRLS' ELSE ' NOBYPASSRLS' END,
      CASE WHEN found_role.rolsuper THEN ' SUPERUSER' END,
      CASE WHEN found_role.rolcreaterole THEN ' CREATEROLE' END,
      CASE WHEN found_role.rolcreatedb THEN ' CREATEDB' END,
      CASE WHEN found_role.rolreplication THEN ' REPLICATION' END);
    IF attributes OPERATOR(pg_catalog.<>) wanted.attributes AND wanted.must_match THEN
      RAISE EXCEPTION USING ERRCODE = 'invalid_role_specification',
        MESSAGE = pg_catalog.format('role "%s" exists with other attributes than Vyricon needs', wanted.name),
        DETAIL = pg_catalog.format('It is %s, and must be %s.', attributes, wanted.attributes),
        HINT = pg_catalog.format('ALTER ROLE %I NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION %s; or rename the role.',
          wanted.name, wanted.attributes);
    ELSIF attributes OPERATOR(pg_catalog.<>) wanted.attributes THEN
      RAISE WARNING USING
        MESSAGE = pg_catalog.format('role "%s" exists with other attributes than Vyricon expects', wanted.name),
        DETAIL = pg_catalog.format('It is %s, expected is %s.', attributes, wanted.attributes);
    END IF;
    IF wanted.must_match AND NOT (wanted.settings[1:2] OPERATOR(pg_catalog.<@) COALESCE(found_role.setconfig, '{}'::pg_catalog.text[])) THEN
      RAISE EXCEPTION USING ERRCODE = 'invalid_role_specification',
        MESSAGE = pg_catalog.format('role "%s" exists, but its parameters could be logged', wanted.name),
        HINT = pg_catalog.format('ALTER ROLE %1$I SET log_parameter_max_length = 0; '
          'ALTER ROLE %1$I SET log_parameter_max_length_on_error = 0;', wanted.name);
    END IF;
    IF wanted.must_match AND EXISTS (SELECT FROM pg_catalog.pg_auth_members AS m WHERE m.member OPERATOR(pg_catalog.=) found_role.oid) THEN
      RAISE EXCEPTION USING ERRCODE = 'invalid_role_specification',
        MESSAGE = pg_catalog.format('role "%s" is a member of another role', wanted.name),
        DETAIL = 'Roles of the platform have no rights but their own.',
        HINT = pg_catalog.format('REVOKE that membership FROM %I.', wanted.name);
    END IF;
  END LOOP;
END
$roles$;
