-- Jobs that come again and again. One index finds what is due and when the next one is.
CREATE TABLE vyricon.schedules (
  name text PRIMARY KEY CHECK (name <> ''),
  every interval,
  cron text,
  time_zone text NOT NULL,
  kind text NOT NULL,
  payload jsonb NOT NULL,
  enabled boolean NOT NULL,
  next_at timestamptz NOT NULL CHECK (next_at >= 'epoch'),
  last_at timestamptz,
  last_job bigint,
  problem text,
  created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  role_name text NOT NULL,
  user_id text,
  claims text,
  CHECK ((every IS NULL) <> (cron IS NULL))
);
CREATE INDEX schedules_next_at_idx ON vyricon.schedules (next_at) WHERE enabled;
ALTER TABLE vyricon.schedules OWNER TO vyricon_owner;
ALTER TABLE vyricon.schedules ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON vyricon.schedules TO service_role;
COMMENT ON TABLE vyricon.schedules IS 'jobs that come again and again: rows of vyricon.schedule()';
COMMENT ON COLUMN vyricon.schedules.every IS 'elapsed time between two jobs; null: cron says when';
COMMENT ON COLUMN vyricon.schedules.cron IS 'minute, hour, day of the month, month, day of the week, on the clocks of time_zone';
COMMENT ON COLUMN vyricon.schedules.next_at IS 'the planned time of the next job; its key is schedule:<name>:<this time>';
COMMENT ON COLUMN vyricon.schedules.last_at IS 'when the last job was enqueued';
COMMENT ON COLUMN vyricon.schedules.problem IS 'why the last job was not enqueued';
COMMENT ON COLUMN vyricon.schedules.role_name IS 'who scheduled it: its jobs are enqueued as that role, with these claims';

CREATE VIEW vyricon.stat_schedules AS
  SELECT s.name, COALESCE(s.cron, s.every::text) AS every_or_cron, s.time_zone, s.kind, s.enabled, s.next_at, s.last_at, s.last_job,
         j.state AS last_state, s.problem
    FROM vyricon.schedules AS s LEFT JOIN vyricon.jobs AS j ON j.id = s.last_job;
ALTER VIEW vyricon.stat_schedules OWNER TO vyricon_owner;
GRANT SELECT ON vyricon.stat_schedules TO service_role, pg_database_owner, pg_monitor;
COMMENT ON VIEW vyricon.stat_schedules IS 'schedules, when they are due, and what became of the last job; without payloads';
