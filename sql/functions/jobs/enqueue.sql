-- C side: extension/jobs/enqueue.c
CREATE OR REPLACE FUNCTION vyricon.enqueue(kind text, payload jsonb, run_at timestamptz DEFAULT NULL, key text DEFAULT NULL,
    subject text DEFAULT NULL, priority integer DEFAULT 0) RETURNS bigint
  AS 'MODULE_PATHNAME', 'vyricon_enqueue' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION vyricon.enqueue(text, jsonb, timestamptz, text, text, integer) IS
  'a job that leaves the database once this transaction has committed; the same key again is the same job, those of one subject run one '
  'after the other, priority is 1, 0 or -1';
REVOKE ALL ON FUNCTION vyricon.enqueue(text, jsonb, timestamptz, text, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.enqueue(text, jsonb, timestamptz, text, text, integer) TO service_role, pg_database_owner;
