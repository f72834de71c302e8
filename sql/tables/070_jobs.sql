-- What leaves the database: a row is written in the transaction of what it belongs to, and worked off after it has committed.
CREATE TABLE vyricon.jobs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL,
  state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'in_flight', 'done', 'failed', 'unknown', 'cancelled')),
  priority smallint NOT NULL DEFAULT 0,
  repeatable boolean NOT NULL,
  doubtful boolean NOT NULL DEFAULT false,
  attempts integer NOT NULL DEFAULT 0,
  max_attempts integer NOT NULL CHECK (max_attempts > 0),
  run_at timestamptz NOT NULL,
  lease_until timestamptz,
  created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  finished_at timestamptz,
  status integer,
  role_name text NOT NULL,
  user_id text,
  claims text,
  subject text,
  key text,
  idempotency_key text NOT NULL,
  secret_name text,
  request bytea NOT NULL,
  answer text,
  problem text
);
-- What is due, in the order in which it is taken; what a worker has; what waits behind another one; what the purge looks for.
CREATE INDEX jobs_due_idx ON vyricon.jobs (priority DESC, run_at, id) WHERE state = 'queued';
CREATE INDEX jobs_lease_until_idx ON vyricon.jobs (lease_until) WHERE state = 'in_flight';
CREATE INDEX jobs_subject_idx ON vyricon.jobs (subject, id) WHERE subject IS NOT NULL AND state IN ('queued', 'in_flight');
CREATE UNIQUE INDEX jobs_key_idx ON vyricon.jobs (key, kind, role_name, (COALESCE(user_id, ''))) WHERE key IS NOT NULL;
CREATE INDEX jobs_finished_at_idx ON vyricon.jobs (finished_at) WHERE state IN ('done', 'cancelled');
ALTER TABLE vyricon.jobs OWNER TO vyricon_owner;
ALTER TABLE vyricon.jobs ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON vyricon.jobs TO service_role;
COMMENT ON TABLE vyricon.jobs IS 'what leaves the database, once: rows of vyricon.enqueue()';
COMMENT ON COLUMN vyricon.jobs.state IS 'failed: it had no effect; unknown: nobody knows whether it had its effect, so it is not sent again by itself';
COMMENT ON COLUMN vyricon.jobs.repeatable IS 'the peer takes the same idempotency key twice as once';
COMMENT ON COLUMN vyricon.jobs.doubtful IS 'an attempt may have had its effect';
COMMENT ON COLUMN vyricon.jobs.subject IS 'jobs of one subject run one after the other, in the order of their ids';
COMMENT ON COLUMN vyricon.jobs.key IS 'the enqueuer''s own name for it: the same key again is the same job';
COMMENT ON COLUMN vyricon.jobs.request IS 'what is sent, encoded when it was enqueued and the same in every attempt';
COMMENT ON COLUMN vyricon.jobs.secret_name IS 'of vyricon.secrets: what the request is signed with';

CREATE VIEW vyricon.stat_jobs AS
  SELECT j.kind, j.state, count(*) AS jobs, min(j.run_at) AS earliest, max(j.finished_at) AS last_finished, sum(j.attempts) AS attempts
    FROM vyricon.jobs AS j GROUP BY j.kind, j.state;
ALTER VIEW vyricon.stat_jobs OWNER TO vyricon_owner;
GRANT SELECT ON vyricon.stat_jobs TO service_role, pg_monitor;
COMMENT ON VIEW vyricon.stat_jobs IS 'how many jobs of each kind are in which state';
