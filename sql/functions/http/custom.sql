-- C side: extension/http/custom.c
CREATE OR REPLACE FUNCTION vyricon.route(method text, pattern text, function text, summary text DEFAULT NULL) RETURNS bigint
  AS 'MODULE_PATHNAME', 'vyricon_route' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION vyricon.route(text, text, text, text) IS
  'answer method and pattern (/tours/:id/book, a last *name takes the rest) by a function (vyricon.request) -> vyricon.response, or jsonb -> jsonb, which is given {"params":{},"query":{},"body":null}';
REVOKE ALL ON FUNCTION vyricon.route(text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.route(text, text, text, text) TO service_role, pg_database_owner;

CREATE OR REPLACE FUNCTION vyricon.unroute(method text, pattern text) RETURNS boolean
  AS 'MODULE_PATHNAME', 'vyricon_unroute' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION vyricon.unroute(text, text) IS 'take back vyricon.route(); false if there was no such route';
REVOKE ALL ON FUNCTION vyricon.unroute(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.unroute(text, text) TO service_role, pg_database_owner;

CREATE OR REPLACE FUNCTION vyricon.route_rows(
    OUT methods text[], OUT pattern text, OUT built_in boolean, OUT function text, OUT flags text[], OUT summary text) RETURNS SETOF record
  AS 'MODULE_PATHNAME', 'vyricon_route_rows' LANGUAGE C STABLE;
COMMENT ON FUNCTION vyricon.route_rows() IS 'every route: the built-in rows, then those of vyricon.route()';
REVOKE ALL ON FUNCTION vyricon.route_rows() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.route_rows() TO service_role, pg_database_owner;

CREATE OR REPLACE VIEW vyricon.routes AS
  SELECT r.methods, r.pattern, r.built_in, r.function, r.flags, r.summary FROM vyricon.route_rows() AS r;
COMMENT ON VIEW vyricon.routes IS 'every route: the built-in rows, then those of vyricon.route()';
GRANT SELECT ON vyricon.routes TO service_role, pg_database_owner;

CREATE OR REPLACE FUNCTION vyricon.reply(body jsonb, status integer DEFAULT 200, headers jsonb DEFAULT '{}') RETURNS vyricon.response
  LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
  AS $$ SELECT ROW(status, '{"content-type":"application/json; charset=utf-8"}'::jsonb || headers, convert_to(body::text, 'UTF8'))::vyricon.response $$;
COMMENT ON FUNCTION vyricon.reply(jsonb, integer, jsonb) IS 'a JSON answer for a handler that returns vyricon.response';
REVOKE ALL ON FUNCTION vyricon.reply(jsonb, integer, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.reply(jsonb, integer, jsonb) TO anon, authenticated, service_role, pg_database_owner;
