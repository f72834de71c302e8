-- C side: extension/http/stat.c
CREATE OR REPLACE FUNCTION vyricon.stat_request_rows(OUT method text, OUT pattern text, OUT requests bigint, OUT ok bigint, OUT redirected bigint,
    OUT refused bigint, OUT failed bigint, OUT mean_ms double precision, OUT max_ms double precision) RETURNS SETOF record
  AS 'MODULE_PATHNAME', 'vyricon_stat_request_rows' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION vyricon.stat_request_rows() IS 'requests by method and route pattern since the server started';
REVOKE ALL ON FUNCTION vyricon.stat_request_rows() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.stat_request_rows() TO service_role, pg_database_owner, pg_monitor;

CREATE OR REPLACE VIEW vyricon.stat_requests AS
  SELECT r.method, r.pattern, r.requests, r.ok, r.redirected, r.refused, r.failed, r.mean_ms, r.max_ms FROM vyricon.stat_request_rows() AS r;
COMMENT ON VIEW vyricon.stat_requests IS
  'requests by method and route pattern since the server started, or vyricon.stat_reset(): answered 2xx (ok), 3xx, 4xx (refused), 5xx (failed); times of those that raised nothing';
GRANT SELECT ON vyricon.stat_requests TO service_role, pg_database_owner, pg_monitor;

CREATE OR REPLACE FUNCTION vyricon.stat_reset() RETURNS void
  AS 'MODULE_PATHNAME', 'vyricon_stat_reset' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION vyricon.stat_reset() IS 'set the counters of vyricon.stat_requests back to nothing';
REVOKE ALL ON FUNCTION vyricon.stat_reset() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.stat_reset() TO service_role, pg_database_owner;
