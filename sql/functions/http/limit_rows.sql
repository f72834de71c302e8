-- C side: extension/http/limit_rows.c
CREATE OR REPLACE FUNCTION vyricon.rate_limit(pattern text, rate text, per text DEFAULT 'address', method text DEFAULT '*') RETURNS bigint
  AS 'MODULE_PATHNAME', 'vyricon_rate_limit' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION vyricon.rate_limit(text, text, text, text) IS
  'let "10/min" of the requests to a pattern (/rest/v1/*path, /tours/:id/book) through at once, then one each six seconds; per address, key, user or organization. Who has no user or organization counts by address';
REVOKE ALL ON FUNCTION vyricon.rate_limit(text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.rate_limit(text, text, text, text) TO service_role, pg_database_owner;

CREATE OR REPLACE FUNCTION vyricon.drop_rate_limit(pattern text, per text DEFAULT 'address', method text DEFAULT '*') RETURNS boolean
  AS 'MODULE_PATHNAME', 'vyricon_drop_rate_limit' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION vyricon.drop_rate_limit(text, text, text) IS 'take back vyricon.rate_limit(); false if there was no such limit';
REVOKE ALL ON FUNCTION vyricon.drop_rate_limit(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.drop_rate_limit(text, text, text) TO service_role, pg_database_owner;
