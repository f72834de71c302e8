-- C side: extension/auth/api_key.c
CREATE OR REPLACE FUNCTION auth.create_api_key(kind text, name text, expires_at timestamptz DEFAULT NULL) RETURNS text
  AS 'MODULE_PATHNAME', 'vyricon_auth_create_api_key' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION auth.create_api_key(text, text, timestamptz)
  IS 'make an API key and return it, the only time it is seen; kind publishable acts as anon, secret as service_role';

CREATE OR REPLACE FUNCTION auth.revoke_api_key(id uuid) RETURNS boolean
  AS 'MODULE_PATHNAME', 'vyricon_auth_revoke_api_key' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION auth.revoke_api_key(uuid) IS 'refuse this API key from now on; false if it was revoked or unknown';

REVOKE ALL ON FUNCTION auth.create_api_key(text, text, timestamptz), auth.revoke_api_key(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.create_api_key(text, text, timestamptz), auth.revoke_api_key(uuid) TO service_role;

