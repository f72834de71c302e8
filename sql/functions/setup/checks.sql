CREATE OR REPLACE FUNCTION vyricon.checks(OUT name text, OUT finding text) RETURNS SETOF record
  LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT 'ready', vyricon.ready()
   UNION ALL SELECT 'roles', coalesce('missing: ' || string_agg(wanted, ', '), '')
     FROM unnest('{anon,authenticated,service_role,vyricon_owner,vyricon_worker,vyricon_shim}'::text[]) AS wanted
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted)
   UNION ALL SELECT 'role attributes', coalesce('must not be a superuser or bypass row-level security: ' || string_agg(rolname, ', '), '')
     FROM pg_roles
    WHERE rolname IN ('anon', 'authenticated', 'vyricon_owner', 'vyricon_worker', 'vyricon_shim') AND (rolsuper OR rolbypassrls)
   UNION ALL SELECT 'encryption', CASE WHEN host(inet_client_addr()) NOT IN ('127.0.0.1', '::1')
       AND NOT EXISTS (SELECT FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl)
     THEN 'the connection is not encrypted: use sslmode=verify-full' ELSE '' END;
  IF has_function_privilege('vyricon.doctor()', 'EXECUTE') THEN
    RETURN QUERY SELECT 'jobs', coalesce(string_agg(d.fact || ': ' || d.hint, E'\n' || repeat(' ', 17)), '') FROM vyricon.doctor() AS d;
  END IF;
END $$;
COMMENT ON FUNCTION vyricon.checks() IS
  'what the command vyricon doctor prints: what is missing or doubtful in this database, and what to do; empty: all is well. Jobs are looked '
  'at by whoever may call vyricon.doctor()';
REVOKE ALL ON FUNCTION vyricon.checks() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.checks() TO service_role, vyricon_shim, pg_monitor, pg_database_owner;
