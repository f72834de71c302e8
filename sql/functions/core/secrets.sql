-- C side: extension/core/secrets.c
CREATE OR REPLACE FUNCTION vyricon.set_secret(name text, value text) RETURNS void
  AS 'MODULE_PATHNAME', 'vyricon_set_secret' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION vyricon.set_secret(text, text) IS
  'store a secret that jobs are signed with, encrypted; nobody can read it back; pass the value as a parameter, not as a literal';
REVOKE ALL ON FUNCTION vyricon.set_secret(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.set_secret(text, text) TO service_role, pg_database_owner;
