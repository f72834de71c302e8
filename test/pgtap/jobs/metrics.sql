-- Numbers of jobs, workers and events: what is counted, up to where, and who may read it.
BEGIN;
SELECT plan(20);
SELECT FROM vyricon.event_counter FOR UPDATE;
DELETE FROM vyricon.jobs;

-- What a series shows; null: it is not there.
CREATE FUNCTION pg_temp.value(series text) RETURNS numeric LANGUAGE sql AS $$
  SELECT split_part(line, ' ', 2)::numeric FROM regexp_split_to_table(vyricon.metrics(), '\n') AS line WHERE starts_with(line, series || ' ')
$$;
CREATE FUNCTION pg_temp.jobs(n integer, state text, due interval, subject text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
  INSERT INTO vyricon.jobs (kind, state, repeatable, max_attempts, run_at, lease_until, role_name, subject, idempotency_key, request)
    SELECT 'http', state, true, 5, now() + due, now() + interval '1 hour', 'postgres', subject, 'vyr_', '' FROM generate_series(1, n)
$$;

SELECT is(pg_temp.value(format('vyricon_jobs{kind="http",state="%s"}', state)), 0::numeric, 'without jobs, ' || state || ' is there and 0')
  FROM unnest('{queued,in_flight,failed,unknown}'::text[]) AS state;
SELECT is(pg_temp.value('vyricon_jobs_overdue_seconds'), 0::numeric, 'and none is overdue');
SELECT pg_temp.jobs(n, state, interval '1 hour') FROM (VALUES (2, 'queued'), (3, 'in_flight'), (4, 'failed'), (5, 'unknown'), (6, 'done'), (7, 'cancelled')) AS t(n, state);
SELECT is(pg_temp.value(format('vyricon_jobs{kind="http",state="%s"}', state)), want::numeric, want || ' ' || state)
  FROM (VALUES (2, 'queued'), (3, 'in_flight'), (4, 'failed'), (5, 'unknown')) AS t(want, state);
SELECT is(pg_temp.value('vyricon_jobs{kind="http",state="done"}'), NULL, 'what is done is not counted');
SELECT pg_temp.jobs(10001, 'queued', interval '2 hours');
SELECT is(pg_temp.value('vyricon_jobs{kind="http",state="queued"}'), 10000::numeric, 'counting ends at 10000');

-- Overdue.
SELECT is(pg_temp.value('vyricon_jobs_overdue_seconds'), 0::numeric, 'what is due later is not overdue');
SELECT pg_temp.jobs(1, 'in_flight', interval '-2 hours', 'customer');
SELECT pg_temp.jobs(1, 'queued', interval '-1 hour', 'customer');
SELECT is(pg_temp.value('vyricon_jobs_overdue_seconds'), 0::numeric, 'what waits behind another of its subject is not');
SELECT pg_temp.jobs(1, 'queued', interval '-90 seconds');
SELECT ok(pg_temp.value('vyricon_jobs_overdue_seconds') BETWEEN 90 AND 200, 'a job that is due since 90 seconds is, by that time');

-- Workers and events.
SELECT is((SELECT sum(pg_temp.value(format('vyricon_workers{state="%s"}', state))) FROM unnest('{running,waiting,held,copy}'::text[]) AS state),
          (SELECT count(*)::numeric FROM vyricon.stat_workers), 'workers by state are those of vyricon.stat_workers');
INSERT INTO vyricon.events (kind, ref) VALUES ('job.done', 1);
SELECT is(pg_temp.value('vyricon_events_total') + vyricon.run_job('announce'), vyricon.last_event()::numeric, 'events are counted when they are announced');

-- Who may read.
SELECT is((test.call('GET', '/metrics/v1')).status, 401, 'a visitor reads no metrics');
SELECT test.as('guide@example.com');
SELECT throws_ok($$ SELECT vyricon.metrics() $$, '42501', NULL, 'nor does a user by SQL');
SELECT is((test.call('GET', '/metrics/v1')).status, 403, 'or over HTTP');
SELECT test.as('service_role');
SELECT is((test.call('GET', '/metrics/v1')).status, 200, 'service_role does');
SELECT test.as(NULL);
SELECT * FROM finish();
ROLLBACK;
