-- C side: extension/setup/ready.c
CREATE OR REPLACE FUNCTION vyricon.ready() RETURNS text
  AS 'MODULE_PATHNAME', 'vyricon_ready' LANGUAGE C STABLE;
COMMENT ON FUNCTION vyricon.ready() IS 'empty when library, extension and tables agree; else what to run';
REVOKE ALL ON FUNCTION vyricon.ready() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.ready() TO service_role, vyricon_shim, pg_monitor, pg_database_owner;
