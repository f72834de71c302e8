-- C side: extension/schedules/schedules.c
CREATE OR REPLACE FUNCTION vyricon.schedule(name text, every_or_cron text, kind text, payload jsonb, time_zone text DEFAULT 'UTC',
    enabled boolean DEFAULT true) RETURNS timestamptz
  AS 'MODULE_PATHNAME', 'vyricon_schedule' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION vyricon.schedule(text, text, text, jsonb, text, boolean) IS
  'vyricon.enqueue(kind, payload) again and again: each ''5 minutes'' of elapsed time, or at cron''s ''0 9 * * mon-fri'' on the clocks of a '
  'time zone (a time they skip is due at the first minute after, one they show twice the second time); replaces the schedule of that name, '
  'and goes on as before if its times are the same; what was missed while the server was down is made up for once. When it is due next, or '
  'null if it is not enabled';
REVOKE ALL ON FUNCTION vyricon.schedule(text, text, text, jsonb, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.schedule(text, text, text, jsonb, text, boolean) TO service_role, pg_database_owner;

CREATE OR REPLACE FUNCTION vyricon.unschedule(name text) RETURNS boolean
  AS 'MODULE_PATHNAME', 'vyricon_unschedule' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION vyricon.unschedule(text) IS 'take back vyricon.schedule(); jobs that it enqueued remain. False if there was none';
REVOKE ALL ON FUNCTION vyricon.unschedule(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.unschedule(text) TO service_role, pg_database_owner;

CREATE OR REPLACE FUNCTION vyricon.schedule_times(every_or_cron text, time_zone text DEFAULT 'UTC', after timestamptz DEFAULT pg_catalog.now(),
    count integer DEFAULT 5) RETURNS SETOF timestamptz
  AS 'MODULE_PATHNAME', 'vyricon_schedule_times' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION vyricon.schedule_times(text, text, timestamptz, integer) IS
  'when a schedule of these times would be due after a time, at most 1000 of them; stores nothing';
REVOKE ALL ON FUNCTION vyricon.schedule_times(text, text, timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.schedule_times(text, text, timestamptz, integer) TO service_role, pg_database_owner;
