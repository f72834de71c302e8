-- Requests that wait for a job's end (Prefer: wait=N). A row allows one answer, to who has the secret.
CREATE TABLE vyricon.tickets (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hash bytea NOT NULL,
  job bigint NOT NULL,
  role_name text NOT NULL,
  user_id text,
  expires_at timestamptz NOT NULL
);
CREATE INDEX tickets_job_idx ON vyricon.tickets (job);
CREATE INDEX tickets_expires_at_idx ON vyricon.tickets (expires_at);
ALTER TABLE vyricon.tickets OWNER TO vyricon_owner;
ALTER TABLE vyricon.tickets ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE vyricon.tickets IS 'requests that wait for a job to end (Prefer: wait); a row is used up by its answer';
COMMENT ON COLUMN vyricon.tickets.hash IS 'SHA-256 of the secret';
COMMENT ON COLUMN vyricon.tickets.user_id IS 'with role_name: the caller, for whom alone the answer is made';
