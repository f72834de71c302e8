-- Events from the transaction that writes them to their id: what is announced, in which order it is read, and who is told of a gap.
-- The worker is kept from announcing by the lock that whoever announces takes.
BEGIN;
SELECT plan(30);
SELECT FROM vyricon.event_counter FOR UPDATE;
DELETE FROM vyricon.events;
UPDATE vyricon.event_counter SET last_id = 0, purged_id = 0;

CREATE FUNCTION pg_temp.cancelled() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  job bigint := vyricon.enqueue('http', '{"url":"https://example.com/"}', now() + interval '1 hour');
BEGIN
  IF NOT vyricon.cancel(job) THEN RAISE 'job % was not cancelled', job; END IF;
  RETURN job;
END $$;
CREATE FUNCTION pg_temp.said(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  detail text;
  hint text;
BEGIN
  EXECUTE statement;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN SQLSTATE || ': ' || detail || ' ' || hint;
END $$;

-- Written, then announced.
CREATE TEMP TABLE first AS SELECT pg_temp.cancelled()::text AS ref;
SELECT results_eq($$ SELECT kind, e.ref FROM vyricon.events AS e $$, $$ SELECT 'job.cancelled', ref FROM first $$, 'a cancelled job is an event');
SELECT is(vyricon.cancel(ref::bigint), false, 'a second cancel finds nothing to cancel') FROM first;
SELECT is((SELECT count(*) FROM vyricon.events), 1::bigint, 'and is no event');
SELECT is_empty($$ SELECT * FROM vyricon.events_since(0) $$, 'what was not announced is not shown');
SELECT is(vyricon.last_event(), 0::bigint, 'and has no id');
SELECT is(vyricon.run_job('announce'), 1::bigint, 'one batch announces it');
SELECT results_eq($$ SELECT id, kind, ref FROM vyricon.events_since(0) $$, $$ SELECT 1::bigint, 'job.cancelled', ref FROM first $$, 'then it is shown');
SELECT is((SELECT at BETWEEN now() AND clock_timestamp() FROM vyricon.events_since(0)), true, 'with the time at which it happened');
SELECT is(vyricon.last_event(), 1::bigint, 'and vyricon.last_event() is its id');
SELECT is(vyricon.run_job('announce'), 0::bigint, 'nothing is announced twice');

-- Order: what was written first and commits last comes last. 900 is a row whose transaction ends after that of 950.
INSERT INTO vyricon.events (written, kind, ref) OVERRIDING SYSTEM VALUE VALUES (1000950, 'job.done', 'written late');
SELECT is(vyricon.run_job('announce'), 1::bigint, 'what is visible is announced');
INSERT INTO vyricon.events (written, kind, ref) OVERRIDING SYSTEM VALUE VALUES (1000900, 'job.done', 'committed late');
SELECT is(vyricon.run_job('announce'), 1::bigint, 'and later what became visible later');
SELECT results_eq($$ SELECT id, ref FROM vyricon.events_since(2) $$, $$ VALUES (3::bigint, 'committed late') $$,
                  'a reader who has seen the higher of two numbers still gets the lower one, which committed later');
INSERT INTO vyricon.events (kind, ref) SELECT CASE WHEN n % 3 = 0 THEN 'job.failed' ELSE 'job.done' END, n FROM generate_series(1, 1500) AS n;
SELECT is(vyricon.run_job('announce'), 1000::bigint, 'a batch is bounded');
SELECT is(vyricon.run_job('announce'), 500::bigint, 'the rest is another one');
SELECT is((SELECT array_agg(id ORDER BY id) FROM vyricon.events WHERE id IS NOT NULL), (SELECT array_agg(n::bigint) FROM generate_series(1, 1503) AS n), 'ids have no gaps');
SELECT is((SELECT array_agg(ref::int ORDER BY id) FROM vyricon.events_since(3, 5000)), (SELECT array_agg(n) FROM generate_series(1, 1500) AS n),
          'and follow the order of writing');
SELECT is((SELECT count(*) FROM vyricon.events_since(3)), 1000::bigint, 'a reader gets 1000 at a time');
SELECT results_eq($$ SELECT id FROM vyricon.events_since(1500, 2) $$, $$ VALUES (1501::bigint), (1502) $$, 'or as many as he asks for');
SELECT is_empty($$ SELECT * FROM vyricon.events_since(1503) $$, 'who has seen all gets nothing');

-- Gaps. A row that is young keeps what has higher ids.
SELECT matches(pg_temp.said('SELECT * FROM vyricon.events_since(1504)'), '^VY410: The last one is 1503\. .*take vyricon.last_event\(\)',
               'an id that was never given here is told so');
UPDATE vyricon.events SET at = now() - interval '8 days' WHERE id <= 1300 AND id <> 1200;
SELECT is(vyricon.run_job('purge'), 1000::bigint, 'a purge deletes a bounded batch of what is older than a week');
SELECT is(vyricon.run_job('purge'), 199::bigint, 'another one goes on, and stops below the first that is younger');
SELECT matches(pg_temp.said('SELECT * FROM vyricon.events_since(1198)'), '^VY410: Those up to 1199 were purged; the last one is 1503\. Take vyricon.last_event\(\)',
               'a reader behind the purge is told so');
SELECT is((SELECT min(id) FROM vyricon.events_since(1199)), 1200::bigint, 'one who has seen all of it goes on');
DELETE FROM vyricon.events;
INSERT INTO vyricon.events (kind, ref) VALUES ('job.done', 'after all were gone');
SELECT is(vyricon.run_job('announce'), 1::bigint, 'where no row is left');
SELECT is(vyricon.last_event(), 1504::bigint, 'ids go on');

-- Who may read.
SELECT test.as('guide@example.com');
SELECT throws_ok($$ SELECT * FROM vyricon.events_since(0) $$, '42501', NULL, 'a user reads no event');
SELECT throws_ok($$ SELECT vyricon.last_event() $$, '42501', NULL, 'nor how many there were');
SELECT test.as('service_role');
SELECT lives_ok($$ SELECT * FROM vyricon.events_since(vyricon.last_event()) $$, 'service_role does');
SELECT test.as(NULL);
SELECT * FROM finish();
ROLLBACK;
