-- C side: extension/auth/token.c
CREATE OR REPLACE FUNCTION auth.sign_jwt(claims jsonb) RETURNS text
  AS 'MODULE_PATHNAME', 'vyricon_auth_sign_jwt' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION auth.sign_jwt(jsonb) IS 'sign these claims with the active key; nothing is added to them';

CREATE OR REPLACE FUNCTION auth.verify_jwt(token text) RETURNS jsonb
  AS 'MODULE_PATHNAME', 'vyricon_auth_verify_jwt' LANGUAGE C STABLE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION auth.verify_jwt(text) IS 'the claims of a valid token or API key; an error says what is wrong with another';

CREATE OR REPLACE FUNCTION vyricon.token(email text, expires_in interval DEFAULT '1 hour') RETURNS text
  AS 'MODULE_PATHNAME', 'vyricon_token' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION vyricon.token(text, interval) IS 'an access token of that user, in development (vyricon.dev = on) and for superusers only';

REVOKE ALL ON FUNCTION auth.sign_jwt(jsonb), auth.verify_jwt(text), vyricon.token(text, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.sign_jwt(jsonb), auth.verify_jwt(text) TO service_role;

