-- C side: extension/http/explain.c
CREATE OR REPLACE FUNCTION vyricon.explain(method text, target text, "as" text DEFAULT NULL, body text DEFAULT NULL) RETURNS jsonb
  AS 'MODULE_PATHNAME', 'vyricon_explain' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION vyricon.explain(text, text, text, text) IS
  'why a request of a user (email or id) or role answers as it does: route, role, each policy with its verdict and the rows that it removes, SQL, plan, milliseconds per stage; for service_role, and for everybody while vyricon.dev is on';
REVOKE ALL ON FUNCTION vyricon.explain(text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.explain(text, text, text, text) TO anon, authenticated, service_role, pg_database_owner;
