-- Who may name things in the schemas; each function and table grants its own use. Run again by each vyricon.setup().
GRANT USAGE ON SCHEMA vyricon TO vyricon_shim, anon, authenticated, service_role, pg_database_owner, pg_monitor;
GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role, pg_database_owner;
GRANT USAGE ON SCHEMA access TO anon, authenticated, service_role, pg_database_owner;

-- Only where the administrator took CONNECT from PUBLIC.
DO $connect$
DECLARE
  role_name pg_catalog.name;
BEGIN
  FOREACH role_name IN ARRAY '{vyricon_shim,vyricon_worker}'::pg_catalog.name[] LOOP
    IF NOT pg_catalog.has_database_privilege(role_name, pg_catalog.current_database(), 'CONNECT') THEN
      EXECUTE pg_catalog.format('GRANT CONNECT ON DATABASE %I TO %I', pg_catalog.current_database(), role_name);
    END IF;
  END LOOP;
END
$connect$;
