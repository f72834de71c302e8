-- Functions of the database are worked off by processes of their own: each lane has its own list of what is due.
DROP INDEX vyricon.jobs_due_idx;
CREATE INDEX jobs_due_idx ON vyricon.jobs (priority DESC, run_at, id) WHERE state = 'queued' AND kind <> 'sql';
CREATE INDEX jobs_sql_due_idx ON vyricon.jobs (priority DESC, run_at, id) WHERE state = 'queued' AND kind = 'sql';
