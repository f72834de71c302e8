-- C side: extension/auth/identity.c
CREATE OR REPLACE FUNCTION auth.uid() RETURNS uuid
  AS 'MODULE_PATHNAME', 'vyricon_auth_uid' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION auth.uid() IS 'id of the calling user; null for anon and for users whose id is no uuid';

CREATE OR REPLACE FUNCTION auth.user_id() RETURNS text
  AS 'MODULE_PATHNAME', 'vyricon_auth_user_id' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION auth.user_id() IS 'id of the calling user as text, also when it is no uuid (foreign issuers)';

CREATE OR REPLACE FUNCTION auth.role() RETURNS text
  AS 'MODULE_PATHNAME', 'vyricon_auth_role' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION auth.role() IS 'role of the caller: anon, authenticated, service_role or one of vyricon.token_roles';

CREATE OR REPLACE FUNCTION auth.email() RETURNS text
  AS 'MODULE_PATHNAME', 'vyricon_auth_email' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION auth.email() IS 'e-mail address in the caller''s token';

CREATE OR REPLACE FUNCTION auth.org_id() RETURNS text
  AS 'MODULE_PATHNAME', 'vyricon_auth_org_id' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION auth.org_id() IS 'organization that the caller acts for, from the token';

CREATE OR REPLACE FUNCTION auth.jwt() RETURNS jsonb
  AS 'MODULE_PATHNAME', 'vyricon_auth_jwt' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION auth.jwt() IS 'all verified claims of the caller';

CREATE OR REPLACE FUNCTION auth.use_claims(jwt text) RETURNS void
  AS 'MODULE_PATHNAME', 'vyricon_auth_use_claims' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION auth.use_claims(text) IS 'say who you are for the rest of the transaction; the token''s signature is verified';

REVOKE ALL ON FUNCTION auth.uid(), auth.user_id(), auth.role(), auth.email(), auth.org_id(), auth.jwt(), auth.use_claims(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.uid(), auth.user_id(), auth.role(), auth.email(), auth.org_id(), auth.jwt() TO PUBLIC;
GRANT EXECUTE ON FUNCTION auth.use_claims(text) TO PUBLIC;

