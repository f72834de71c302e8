-- C side: extension/jobs/jobs.c
CREATE OR REPLACE FUNCTION vyricon.run_job(name text) RETURNS bigint
  AS 'MODULE_PATHNAME', 'vyricon_run_job' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION vyricon.run_job(text) IS 'one batch of a background job, now, in this transaction; how much it did';
REVOKE ALL ON FUNCTION vyricon.run_job(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.run_job(text) TO service_role;

CREATE OR REPLACE FUNCTION vyricon.worker_places(
    OUT database oid, OUT pid integer, OUT state text, OUT runs bigint, OUT last_run timestamptz) RETURNS SETOF record
  AS 'MODULE_PATHNAME', 'vyricon_worker_places' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION vyricon.worker_places() IS 'databases that the launcher works for';
REVOKE ALL ON FUNCTION vyricon.worker_places() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.worker_places() TO service_role, pg_monitor;

CREATE OR REPLACE VIEW vyricon.stat_workers AS
  SELECT d.datname, w.pid, w.state, w.runs, w.last_run
    FROM vyricon.worker_places() AS w
    JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) w.database;
COMMENT ON VIEW vyricon.stat_workers IS
  'one row per database with an installation: running, waiting (for its start), '
  'held (by CREATE, ALTER or DROP DATABASE), or copy (nothing runs until adopted)';
GRANT SELECT ON vyricon.stat_workers TO service_role, pg_monitor;
