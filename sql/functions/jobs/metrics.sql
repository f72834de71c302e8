-- C side: extension/jobs/metrics.c
CREATE OR REPLACE FUNCTION vyricon.metrics() RETURNS text
  AS 'MODULE_PATHNAME', 'vyricon_metrics' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION vyricon.metrics() IS
  'jobs, workers and events of this database in Prometheus'' text format, as GET /metrics/v1 answers the service role; its cost does not grow '
  'with the tables';
REVOKE ALL ON FUNCTION vyricon.metrics() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.metrics() TO service_role, pg_database_owner, pg_monitor;
