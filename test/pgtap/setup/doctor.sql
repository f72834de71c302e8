-- What vyricon.doctor() finds in a database whose jobs are not done. test/e2e/doctor.mjs breaks servers for the rest.
BEGIN;
SELECT plan(14);
DELETE FROM vyricon.jobs;
CREATE FUNCTION pg_temp.found() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(name || ': ' || fact, '; ') FROM vyricon.doctor() $$;
CREATE FUNCTION pg_temp.job(state text, due interval, subject text DEFAULT NULL) RETURNS bigint LANGUAGE sql AS $$
  INSERT INTO vyricon.jobs (kind, state, repeatable, max_attempts, run_at, lease_until, role_name, subject, idempotency_key, request)
    VALUES ('http', state, true, 5, now() + due, now() + interval '1 hour', 'postgres', subject, 'vyr_', '') RETURNING id
$$;

SELECT is(pg_temp.found(), NULL, 'all is well: nothing is found, and a worker that is about to start is nothing');
SELECT count(pg_temp.job(state, interval '-1 day')) FROM unnest('{done,cancelled,in_flight}'::text[]) AS state \g /dev/null
SELECT count(pg_temp.job('queued', due)) FROM unnest('{1 hour,-50 seconds}'::interval[]) AS due \g /dev/null
SELECT is(pg_temp.found(), NULL, 'what is done, cancelled, under way, due later or since less than a minute is nothing');

-- Jobs.
SELECT count(pg_temp.job('in_flight', interval '-1 day', 'customer') + pg_temp.job('queued', interval '-1 day', 'customer')) \g /dev/null
SELECT is(pg_temp.found(), NULL, 'nor is what waits behind another of its subject');
SELECT count(pg_temp.job('queued', interval '-2 minutes')) \g /dev/null
SELECT matches(pg_temp.found(), '^overdue jobs: a job is due for 12\d seconds, and nobody works it$', 'a job that is due for two minutes is overdue');
SELECT is((SELECT bool_and(hint ~ 'vyricon.jobs_in_flight') FROM vyricon.doctor()), true, 'and the hint names what to change');
DELETE FROM vyricon.jobs;
CREATE TEMP TABLE one AS SELECT pg_temp.job('failed', interval '-1 day') AS id;
SELECT is(pg_temp.found(), (SELECT 'failed jobs: 1 job failed, such as ' || id FROM one), 'a job that failed waits for somebody');
SELECT is((SELECT bool_and(hint ~ 'had no effect.*vyricon.retry\(job\)') FROM vyricon.doctor()), true, 'who may have it tried again');
UPDATE vyricon.jobs SET state = 'unknown';
SELECT is(pg_temp.found(), (SELECT 'unknown jobs: 1 job has an unknown outcome, such as ' || id FROM one), 'so does one of which nobody knows');
SELECT is((SELECT bool_and(hint ~ 'ask the peer') FROM vyricon.doctor()), true, 'who should ask its peer first');
SELECT count(pg_temp.job('unknown', interval '-1 day')) FROM generate_series(1, 10000) \g /dev/null
SELECT matches(pg_temp.found(), '^unknown jobs: 10000 or more jobs', 'counting ends');
DELETE FROM vyricon.jobs;

-- Who may ask.
SELECT test.as('guide@example.com');
SELECT throws_ok($$ SELECT * FROM vyricon.doctor() $$, '42501', NULL, 'a user may not ask');
SELECT test.as('service_role');
SELECT is_empty($$ SELECT * FROM vyricon.doctor() $$, 'service_role may');
SELECT test.as(NULL);

-- The worker leaves before its database is altered, until the end of the transaction.
SELECT format('ALTER DATABASE %I CONNECTION LIMIT -1', current_database()) \gexec
SELECT is(pg_temp.found(), 'worker: the worker does not run: held', 'a worker that is kept away is found');
SELECT is((SELECT bool_and(hint ~ 'until the statement ends') FROM vyricon.doctor()), true, 'with the reason');
SELECT * FROM finish();
ROLLBACK;
