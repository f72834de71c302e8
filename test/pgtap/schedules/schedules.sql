-- Schedules in the foreground: what is a time and when it comes, who may schedule, what a firing enqueues, and what stops none of the others.
BEGIN;
SELECT plan(86);

CREATE FUNCTION pg_temp.shown(every_or_cron text, time_zone text, after timestamp, count int) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(to_char(t AT TIME ZONE 'UTC', 'MM-DD HH24:MI'), ', ')
    FROM vyricon.schedule_times(every_or_cron, time_zone, after AT TIME ZONE 'UTC', count) AS t
$$;
CREATE FUNCTION pg_temp.every(name text, every_or_cron text, path text DEFAULT '/hook', time_zone text DEFAULT 'UTC') RETURNS timestamptz LANGUAGE sql AS $$
  SELECT vyricon.schedule(name, every_or_cron, 'http', jsonb_build_object('url', 'https://example.com' || path), time_zone)
$$;
CREATE FUNCTION pg_temp.is_due(schedule text, planned timestamptz) RETURNS SETOF void LANGUAGE sql AS $$
  UPDATE vyricon.schedules SET next_at = planned WHERE name = schedule
$$;
CREATE FUNCTION pg_temp.row(schedule text) RETURNS vyricon.schedules LANGUAGE sql AS $$ SELECT s FROM vyricon.schedules AS s WHERE name = schedule $$;

-- Times: after a time of UTC, in UTC.
SELECT is(pg_temp.shown(what, zone, after, n), want, words) FROM (VALUES
  ('90 minutes', 'UTC', timestamp '2026-01-01 00:00', 2, '01-01 01:30, 01-01 03:00', 'an interval is elapsed time'),
  ('1 day', 'Europe/Berlin', '2026-03-28 12:00', 2, '03-29 12:00, 03-30 12:00', 'a day of an interval has 24 hours, also when clocks are put forward'),
  ('0 9 * * *', 'Europe/Berlin', '2026-03-28 12:00', 2, '03-29 07:00, 03-30 07:00', 'nine in Berlin is another time of UTC in summer'),
  ('0 9 * * *', 'Europe/Berlin', '2026-10-24 12:00', 2, '10-25 08:00, 10-26 08:00', 'and back'),
  ('30 2 * * *', 'Europe/Berlin', '2026-03-28 00:00', 3, '03-28 01:30, 03-29 01:00, 03-30 00:30', 'a time that clocks skip is due at the first minute after'),
  ('*/20 * * * *', 'Europe/Berlin', '2026-03-29 00:30', 4, '03-29 00:40, 03-29 01:00, 03-29 01:20, 03-29 01:40', 'several in one gap are one'),
  ('0 3 * * *', 'Europe/Berlin', '2026-03-28 12:00', 2, '03-29 01:00, 03-30 01:00', 'what is due right after the gap is not touched'),
  ('0,30 2-3 29 3 *', 'Europe/Berlin', '2026-03-28 12:00', 2, '03-29 01:00, 03-29 01:30', 'what the gap moves and what is due then are one'),
  ('30 2 * * *', 'Europe/Berlin', '2026-10-24 12:00', 2, '10-25 01:30, 10-26 01:30', 'a time that clocks show twice is due once, the second time'),
  ('30 2 * * *', 'Europe/Berlin', '2026-10-25 00:30', 1, '10-25 01:30', 'also for who asks between the two'),
  ('0 2 * * *', 'Europe/Berlin', '2026-10-25 00:59:59', 1, '10-25 01:00', 'up to the last second'),
  ('30 2 * * *', 'Europe/Berlin', '2026-10-25 01:30', 1, '10-26 01:30', 'and not a third time'),
  ('*/30 * * * *', 'Europe/Berlin', '2026-10-24 23:30', 4, '10-25 01:00, 10-25 01:30, 10-25 02:00, 10-25 02:30', 'every half an hour of the clock, in autumn'),
  ('15 2 * * *', 'Australia/Lord_Howe', '2026-10-03 12:00', 2, '10-03 15:30, 10-04 15:15', 'a gap of half an hour'),
  ('0 0 * * *', 'America/Sao_Paulo', '2018-11-03 12:00', 2, '11-04 03:00, 11-05 02:00', 'a gap at midnight'),
  ('@weekly', 'UTC', '2026-11-25 00:00', 1, '11-29 00:00', 'a word'),
  ('0 0 29 2 *', 'UTC', '2026-11-25 00:00', 2, '02-29 00:00, 02-29 00:00', 'a leap day'),
  ('* * * * *', '<+0530>-05:30', '2026-11-25 00:00', 1, '11-25 00:01', 'a zone by its offset')) AS t(what, zone, after, n, want, words);
SELECT is((SELECT count(*) FROM vyricon.schedule_times('1 second', count => 0)), 0::bigint, 'no times are shown when none are asked for');
SELECT throws_ok($$ SELECT vyricon.schedule_times('1 second', count => 1001) $$, 'VY422', NULL, 'more than 1000 times are not');
SELECT throws_ok($$ SELECT vyricon.schedule_times('1 second', after => 'infinity') $$, 'VY422', NULL, 'nor those after all times');
SELECT throws_ok(format('SELECT vyricon.schedule_times(%L, after => %L)', what, '294276-12-31 23:59 UTC'), '22008', NULL, what || ' after the last timestamp')
  FROM (VALUES ('1 day'), ('* * * * *'), ('@yearly')) AS t(what);
SELECT throws_ok($$ SELECT vyricon.schedule_times('@daily', after => '4000-01-01 BC') $$, '22008', NULL, 'and cron before the first year');

-- What is refused, at once.
SELECT throws_ok(format('SELECT pg_temp.every(%L, %L, time_zone => %L)', 'refused', what, zone), 'VY422', message, message) FROM (VALUES
  ('soon', 'UTC', '"soon" is neither an interval nor a time of cron'), ('', 'UTC', '"" is neither an interval nor a time of cron'),
  ('* * * *', 'UTC', '"* * * *" is neither an interval nor a time of cron'), ('60 * * * *', 'UTC', '"60 * * * *" is no time of cron'),
  ('0 0 30 2 *', 'UTC', '"0 0 30 2 *" is no time of cron'), ('@reboot', 'UTC', '"@reboot" is no time of cron'),
  ('999 ms', 'UTC', 'a schedule''s interval is 1 second to 3660 days'), ('-5 minutes', 'UTC', 'a schedule''s interval is 1 second to 3660 days'),
  ('3661 days', 'UTC', 'a schedule''s interval is 1 second to 3660 days'), ('2147483647 days', 'UTC', 'a schedule''s interval is 1 second to 3660 days'),
  ('1 month', 'UTC', 'a schedule''s interval has no months or years'), ('@daily', 'Mars/Olympus', 'there is no such time zone'),
  ('1 hour', 'Mars/Olympus', 'there is no such time zone'), ('1 hour', repeat('x', 300), 'there is no such time zone')) AS t(what, zone, message);
SELECT throws_ok($$ SELECT vyricon.schedule('refused', '@daily', 'no such', '{}') $$, 'VY404', 'there is no such kind of job', 'an unknown kind');
SELECT throws_ok($$ SELECT vyricon.schedule('refused', '@daily', 'http', '{}') $$, 'VY422', 'the job''s payload is not valid', 'a payload that its kind does not take');
SELECT throws_ok($$ SELECT vyricon.schedule('refused', '@daily', 'http', jsonb_build_object('url', 'https://example.com/', 'body', repeat('x', 1048577))) $$, 'VY413', NULL, 'one that is too large');
SELECT throws_ok($$ SELECT pg_temp.every('refused', NULL) $$, '22004', NULL, 'no time');
SELECT throws_ok(format('SELECT pg_temp.every(%L, ''@daily'')', name), 'VY422', 'a schedule''s name has 1 to 200 bytes', 'a name of ' || length(name))
  FROM (VALUES (''), (repeat('n', 201))) AS t(name);
SELECT is((SELECT count(*) FROM vyricon.schedules WHERE name = 'refused'), 0::bigint, 'nothing of it is stored');

-- A firing.
SELECT ok(pg_temp.every('each minute', '1 minute') BETWEEN clock_timestamp() + interval '50 seconds' AND clock_timestamp() + interval '1 minute', 'an interval begins now');
CREATE TEMP TABLE first AS SELECT pg_temp.every('daily', '0 9 * * *', time_zone => 'europe/berlin');
SELECT is((pg_temp.row('daily')).time_zone, 'Europe/Berlin', 'a time zone has its own spelling');
SELECT is(vyricon.run_job('schedules'), 0::bigint, 'nothing is due yet');
SELECT pg_temp.is_due('each minute', now() - interval '610 seconds');
CREATE TEMP TABLE planned AS SELECT next_at AS at FROM vyricon.schedules WHERE name = 'each minute';
SELECT is(vyricon.run_job('schedules'), 1::bigint, 'what is due is fired: once for ten times that were missed');
SELECT is(vyricon.run_job('schedules'), 0::bigint, 'and not again');
SELECT results_eq($$ SELECT kind, state, role_name, key, run_at FROM vyricon.jobs WHERE id = (pg_temp.row('each minute')).last_job $$,
  $$ SELECT 'http', 'queued', 'postgres', 'schedule:each minute:' || to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), now() FROM planned $$,
  'its job has the planned time in its key, and is due now');
SELECT is((pg_temp.row('each minute')).next_at, (SELECT at + interval '11 minutes' FROM planned), 'the next one keeps the rhythm');
SELECT is((pg_temp.row('each minute')).last_at, now(), 'when it was fired is told');
SELECT pg_temp.is_due('daily', now() - interval '3 days');
SELECT is(vyricon.run_job('schedules'), 1::bigint, 'cron''s missed times too are one');
SELECT is((pg_temp.row('daily')).next_at, (SELECT t FROM vyricon.schedule_times('0 9 * * *', 'Europe/Berlin', count => 1) AS t), 'then it is due at the next time from now');

-- Many at once, and one that cannot be enqueued any more.
CREATE TEMP TABLE made AS SELECT pg_temp.every('many ' || n, '1 hour') FROM generate_series(1, 150) AS n;
UPDATE vyricon.schedules SET next_at = now() - interval '1 minute' WHERE name LIKE 'many %';
UPDATE vyricon.schedules SET kind = 'gone' WHERE name = 'many 7';
UPDATE vyricon.schedules SET role_name = 'nobody there' WHERE name = 'many 8';
UPDATE vyricon.schedules SET time_zone = 'Mars/Olympus' WHERE name = 'many 9';
INSERT INTO vyricon.jobs (kind, repeatable, max_attempts, run_at, role_name, key, idempotency_key, request)
  SELECT 'http', true, 1, 'infinity', 'postgres', 'schedule:many 10:' || to_char(next_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'x', ''
    FROM vyricon.schedules WHERE name = 'many 10';
SELECT is(vyricon.run_job('schedules'), 146::bigint, 'of 150, those that can be enqueued are');
SELECT is((pg_temp.row(name)).problem, problem, name || ' says why not') FROM (VALUES
  ('many 6', NULL), ('many 7', 'there is no such kind of job'), ('many 8', 'role "nobody there" does not exist'),
  ('many 9', 'there is no such time zone'), ('many 10', 'there is another job with this key')) AS t(name, problem);
SELECT ok((pg_temp.row('many 7')).next_at > now(), 'and is tried again at its next time');
SELECT is((pg_temp.row('many 9')).next_at, 'infinity'::timestamptz, 'unless there is none');
SELECT is(vyricon.run_job('schedules'), 0::bigint, 'not before');
SELECT ok(pg_temp.every('many 9', '1 hour') < 'infinity', 'until it is scheduled anew');
SELECT is((pg_temp.row('many 9')).problem, NULL::text, 'which forgets the problem');

-- Replaced, not enabled, taken back.
SELECT pg_temp.is_due('each minute', '2000-01-01 UTC');
SELECT is(pg_temp.every('each minute', '60 seconds', '/other'), '2000-01-01 UTC'::timestamptz, 'the same times with another payload go on as they were');
SELECT ok(pg_temp.every('each minute', '2 minutes') > now(), 'other times begin now');
SELECT is(vyricon.schedule('each minute', '2 minutes', 'http', '{"url":"https://example.com/"}', enabled => false), NULL::timestamptz, 'one that is not enabled is not due');
SELECT pg_temp.is_due('each minute', '2000-01-01 UTC');
SELECT is(vyricon.run_job('schedules'), 0::bigint, 'and not fired');
SELECT ok(pg_temp.every('each minute', '2 minutes') > now(), 'enabled again it has missed nothing');
SELECT is((SELECT every_or_cron || ' ' || last_state FROM vyricon.stat_schedules WHERE name = 'daily'), '0 9 * * * queued', 'vyricon.stat_schedules tells of the last job');
SELECT is(vyricon.unschedule('daily'), true, 'a schedule is taken back');
SELECT is(vyricon.unschedule('daily'), false, 'once');

-- Who may.
SELECT test.as('guide@example.com');
SELECT throws_ok($$ SELECT vyricon.schedule('mine', '@daily', 'http', '{"url":"https://example.com/"}') $$, '42501', NULL, 'a user schedules nothing');
SELECT throws_ok($$ SELECT vyricon.unschedule('each minute') $$, '42501', NULL, 'takes nothing back');
SELECT throws_ok($$ SELECT FROM vyricon.schedules $$, '42501', NULL, 'and sees none');
SELECT test.as('service_role');
SELECT lives_ok($$ SELECT vyricon.schedule('of service', '@daily', 'http', '{"url":"https://example.com/"}') $$, 'service_role schedules');
SELECT is((SELECT role_name || ' ' || (claims::jsonb ->> 'role') FROM vyricon.schedules WHERE name = 'of service'), 'service_role service_role', 'and sees it as its own');
SELECT test.as(NULL);
SELECT pg_temp.is_due('of service', now());
SELECT is(vyricon.run_job('schedules'), 1::bigint, 'and it fires');
SELECT is((SELECT role_name || ' ' || (claims::jsonb ->> 'role') FROM vyricon.jobs WHERE id = (pg_temp.row('of service')).last_job), 'service_role service_role', 'its jobs are those of who scheduled it');
SELECT is(current_user::text, 'postgres', 'and who fired it is who he was');
CREATE ROLE test_owner;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO test_owner', current_database()); END $$;
SET LOCAL ROLE test_owner;
SELECT lives_ok($$ SELECT vyricon.schedule('of owner', '@daily', 'http', '{"url":"https://example.com/"}') $$, 'the owner of the database schedules');
SELECT is((SELECT count(*) FROM vyricon.stat_schedules WHERE name = 'of owner'), 1::bigint, 'and sees it');
SELECT throws_ok($$ SELECT payload FROM vyricon.schedules $$, '42501', NULL, 'but no payloads');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
