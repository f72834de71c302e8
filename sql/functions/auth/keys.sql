-- C side: extension/auth/keys.c
CREATE OR REPLACE FUNCTION auth.create_signing_key(alg text DEFAULT 'ES256', activate boolean DEFAULT true, keep interval DEFAULT '1 day')
  RETURNS text
  AS 'MODULE_PATHNAME', 'vyricon_auth_create_signing_key' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION auth.create_signing_key(text, boolean, interval)
  IS 'make a key for access tokens and return its kid; active at once (the active one before verifies for keep longer), or standby';

CREATE OR REPLACE FUNCTION auth.rotate_signing_key(keep interval DEFAULT '1 day') RETURNS text
  AS 'MODULE_PATHNAME', 'vyricon_auth_rotate_signing_key' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION auth.rotate_signing_key(interval)
  IS 'the standby key signs from now on; the active one before verifies for keep longer; returns the kid';

CREATE OR REPLACE FUNCTION auth.import_signing_key(
    kid text, alg text, key text, status text DEFAULT 'previous', expires_at timestamptz DEFAULT NULL)
  RETURNS text
  AS 'MODULE_PATHNAME', 'vyricon_auth_import_signing_key' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION auth.import_signing_key(text, text, text, text, timestamptz)
  IS 'take over a key: a PEM, private or public, or the text of an HS256 secret; previous verifies only; pass the key as a parameter, not as a literal';

CREATE OR REPLACE FUNCTION auth.revoke_signing_key(kid text) RETURNS boolean
  AS 'MODULE_PATHNAME', 'vyricon_auth_revoke_signing_key' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION auth.revoke_signing_key(text) IS 'refuse every token of this key from now on and forget its secret; false if it was revoked or unknown';

CREATE OR REPLACE FUNCTION auth.jwks() RETURNS jsonb
  AS 'MODULE_PATHNAME', 'vyricon_auth_jwks' LANGUAGE C STABLE PARALLEL UNSAFE;
COMMENT ON FUNCTION auth.jwks() IS 'the public keys as a JSON Web Key Set; never a secret one';

REVOKE ALL ON FUNCTION auth.create_signing_key(text, boolean, interval), auth.rotate_signing_key(interval),
  auth.import_signing_key(text, text, text, text, timestamptz), auth.revoke_signing_key(text), auth.jwks() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.create_signing_key(text, boolean, interval), auth.rotate_signing_key(interval),
  auth.import_signing_key(text, text, text, text, timestamptz), auth.revoke_signing_key(text), auth.jwks() TO service_role;

