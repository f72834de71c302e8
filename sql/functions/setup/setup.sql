-- C side: extension/setup/setup.c
CREATE OR REPLACE FUNCTION vyricon.setup(adopt boolean DEFAULT false, keep_parked boolean DEFAULT true) RETURNS text
  AS 'MODULE_PATHNAME', 'vyricon_setup' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION vyricon.setup(boolean, boolean) IS
  'make or upgrade the platform''s tables (superuser); '
  'adopt: this copy of an installation lives on its own from now on; '
  'keep_parked: jobs that came along with the copy stay parked';
REVOKE ALL ON FUNCTION vyricon.setup(boolean, boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION vyricon.version() RETURNS text
  AS 'MODULE_PATHNAME', 'vyricon_version' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION vyricon.version() IS 'version of the library; the extension''s is in pg_extension';
REVOKE ALL ON FUNCTION vyricon.version() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.version() TO service_role, pg_monitor, pg_database_owner;

-- The steps of setup() run as vyricon_owner, which makes triggers.
GRANT EXECUTE ON FUNCTION vyricon.changed() TO vyricon_owner;
