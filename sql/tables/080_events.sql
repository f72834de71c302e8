-- What SQL clients are told about: a row is written in the transaction of what happened; the worker gives it its id when that is committed.
CREATE TABLE vyricon.events (
  written bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id bigint,
  at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  kind text NOT NULL,
  ref text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02);
-- What a client reads and the purge deletes; what was not announced yet.
CREATE UNIQUE INDEX events_id_idx ON vyricon.events (id) WHERE id IS NOT NULL;
CREATE INDEX events_new_idx ON vyricon.events (written) WHERE id IS NULL;
ALTER TABLE vyricon.events OWNER TO vyricon_owner;
ALTER TABLE vyricon.events ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON vyricon.events TO service_role;
COMMENT ON TABLE vyricon.events IS 'what happened, for vyricon.events_since(), for a week: names and ids only';
COMMENT ON COLUMN vyricon.events.written IS 'in the order of writing, which is not that of commits';
COMMENT ON COLUMN vyricon.events.id IS
  'in the order of announcement: no row gets one that is lower than one that was ever visible; null: committed, but not announced yet';
COMMENT ON COLUMN vyricon.events.kind IS 'job.done, job.failed, job.unknown, job.cancelled';
COMMENT ON COLUMN vyricon.events.ref IS 'id of what it happened to: of a job.* event, of the job';

-- Who announces locks it: ids are given by one transaction at a time.
CREATE TABLE vyricon.event_counter (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  last_id bigint NOT NULL DEFAULT 0,
  purged_id bigint NOT NULL DEFAULT 0
);
INSERT INTO vyricon.event_counter DEFAULT VALUES;
ALTER TABLE vyricon.event_counter OWNER TO vyricon_owner;
ALTER TABLE vyricon.event_counter ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON vyricon.event_counter TO service_role;
COMMENT ON TABLE vyricon.event_counter IS 'the last id of vyricon.events, and the last one that was purged';
