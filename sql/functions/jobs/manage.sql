-- C side: extension/jobs/manage.c
CREATE OR REPLACE FUNCTION vyricon.cancel(job bigint) RETURNS boolean
  AS 'MODULE_PATHNAME', 'vyricon_cancel' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION vyricon.cancel(bigint) IS 'take back a job that is not in flight; false if it was sent already, or is none';
REVOKE ALL ON FUNCTION vyricon.cancel(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.cancel(bigint) TO service_role, pg_database_owner;

CREATE OR REPLACE FUNCTION vyricon.retry(job bigint) RETURNS boolean
  AS 'MODULE_PATHNAME', 'vyricon_retry' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION vyricon.retry(bigint) IS
  'send a job again, now: one that waits, failed, was cancelled or parked, or whose outcome is unknown and you have looked at the peer';
REVOKE ALL ON FUNCTION vyricon.retry(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.retry(bigint) TO service_role, pg_database_owner;
