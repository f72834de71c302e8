-- Functions of the database are worked off by processes of their own: each lane has its own list of what is due.
DROP INDEX vyricon.jobs_due_idx;
CREATE INDEX jobs_due_idx ON vyricon.jobs (priority DESC, run_at, id) WHERE state = 'queued' AND kind <> 'sql';
CREATE INDEX jobs_sql_due_idx ON vyricon.jobs (priority DESC, run_at, id) WHERE state = 'queued' AND kind = 'sql';

-- Jobs that wait for somebody to look at them: few, and counted at each scrape of the metrics.
CREATE INDEX jobs_stuck_idx ON vyricon.jobs (state, kind) WHERE state IN ('failed', 'unknown');
