-- The row of vyricon.enqueue() is written without a statement. It must be the row that a statement writes, and whatever a user did to the table
-- must hold for it: in a session that has enqueued before, since what is known of the table is kept.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(33);
CREATE EXTENSION IF NOT EXISTS amcheck;

CREATE FUNCTION pg_temp.send(more jsonb DEFAULT '{}', subject text DEFAULT NULL, priority int DEFAULT 0) RETURNS bigint LANGUAGE sql AS
  $$ SELECT vyricon.enqueue('http', '{"url":"https://example.com/hook"}'::jsonb || more, now() + interval '1 day', subject => subject, priority => priority) $$;
CREATE FUNCTION pg_temp.count_of(condition text, by_index boolean) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  found bigint;
BEGIN
  PERFORM set_config('enable_seqscan', (NOT by_index)::text, true), set_config('enable_indexscan', by_index::text, true), set_config('enable_bitmapscan', by_index::text, true);
  EXECUTE 'SELECT count(*) FROM vyricon.jobs WHERE ' || condition INTO found;
  RETURN found;
END $$;

-- The same row both ways: a trigger makes it a statement.
CREATE FUNCTION public.row_seen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen_jobs VALUES (NEW.id, current_user); RETURN NULL; END $$;
CREATE TABLE public.seen_jobs (id bigint, by text);
GRANT ALL ON public.seen_jobs TO vyricon_owner;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO vyricon_owner;
CREATE TEMP TABLE ids AS SELECT pg_temp.send('{"sign":"hook","body":{"a":1}}', 'one subject', 1) AS direct;
CREATE TRIGGER row_seen AFTER INSERT ON vyricon.jobs FOR EACH ROW EXECUTE FUNCTION public.row_seen();
CREATE TEMP TABLE more_ids AS SELECT pg_temp.send('{"sign":"hook","body":{"a":1}}', 'one subject', 1) AS stated;
SELECT is((SELECT array_agg(id) FROM public.seen_jobs), (SELECT array_agg(stated) FROM more_ids), 'a trigger made after the first job sees the second');
SELECT is((SELECT by FROM public.seen_jobs), 'vyricon_owner', 'and runs as the owner of the table, not as who enqueued');
SELECT is((SELECT to_jsonb(j) - '{id,idempotency_key}'::text[] FROM vyricon.jobs AS j JOIN ids ON id = direct),
          (SELECT to_jsonb(j) - '{id,idempotency_key}'::text[] FROM vyricon.jobs AS j JOIN more_ids ON id = stated), 'both rows are the same');
DROP TRIGGER row_seen ON vyricon.jobs;
SELECT is(pg_temp.send(), (SELECT stated + 1 FROM more_ids), 'without the trigger the next job has the next id');
SELECT is((SELECT count(*) FROM public.seen_jobs), 1::bigint, 'and nobody sees it');
CREATE TRIGGER seen_all AFTER INSERT ON vyricon.jobs FOR EACH STATEMENT EXECUTE FUNCTION public.row_seen();
DO $$ BEGIN PERFORM pg_temp.send(); END $$;
SELECT is((SELECT count(*) FROM public.seen_jobs), 2::bigint, 'a trigger for each statement runs too');
DROP TRIGGER seen_all ON vyricon.jobs;
CREATE RULE elsewhere AS ON INSERT TO vyricon.jobs DO ALSO INSERT INTO public.seen_jobs VALUES (0, 'rule');
SELECT throws_ok('SELECT pg_temp.send()', '0A000', NULL, 'a rule is not passed by');
DROP RULE elsewhere ON vyricon.jobs;

-- Columns.
ALTER TABLE vyricon.jobs ADD COLUMN tag text NOT NULL DEFAULT 'mine', ADD COLUMN at_night boolean DEFAULT pg_catalog.date_part('hour', pg_catalog.now()) >= 0;
DO $$ BEGIN PERFORM pg_temp.send(); END $$;
SELECT is(tag || at_night, 'minetrue', 'a new column has its default') FROM vyricon.jobs WHERE id = (SELECT max(id) FROM vyricon.jobs);
ALTER TABLE vyricon.jobs DROP COLUMN tag, DROP COLUMN at_night;
SELECT lives_ok('SELECT pg_temp.send()', 'a dropped column is not written');
CREATE FUNCTION public.who() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN current_user; END $$;
ALTER TABLE vyricon.jobs ADD COLUMN made_by text DEFAULT public.who();
DO $$ BEGIN PERFORM pg_temp.send(); END $$;
SELECT is(made_by, 'vyricon_owner', 'so has one whose default is a user''s function, which runs as the owner') FROM vyricon.jobs WHERE id = (SELECT max(id) FROM vyricon.jobs);
ALTER TABLE vyricon.jobs DROP COLUMN made_by;
ALTER TABLE vyricon.jobs ADD COLUMN twice int GENERATED ALWAYS AS (attempts + 2) STORED;
DO $$ BEGIN PERFORM pg_temp.send(); END $$;
SELECT is(twice, 2, 'a generated column is generated') FROM vyricon.jobs WHERE id = (SELECT max(id) FROM vyricon.jobs);
ALTER TABLE vyricon.jobs DROP COLUMN twice;
ALTER TABLE vyricon.jobs ADD COLUMN wanted int;
UPDATE vyricon.jobs SET wanted = 1;
ALTER TABLE vyricon.jobs ALTER COLUMN wanted SET NOT NULL;
SELECT throws_ok('SELECT pg_temp.send()', '23502', NULL, 'a column that must not be null is not left out');
ALTER TABLE vyricon.jobs DROP COLUMN wanted;
CREATE DOMAIN public.odd AS int NOT NULL CHECK (VALUE % 2 = 1);
ALTER TABLE vyricon.jobs ADD COLUMN odd public.odd DEFAULT 1;
ALTER TABLE vyricon.jobs ALTER COLUMN odd SET DEFAULT 2;
SELECT throws_ok('SELECT pg_temp.send()', '23514', NULL, 'nor one whose domain forbids its default');
ALTER TABLE vyricon.jobs DROP COLUMN odd;

-- Constraints.
ALTER TABLE vyricon.jobs ADD CONSTRAINT calm CHECK (priority < 1) NOT VALID;
SELECT throws_ok('SELECT pg_temp.send(priority => 1)', '23514', NULL, 'a check refuses');
SELECT lives_ok('SELECT pg_temp.send(priority => 0)', 'what it refuses only');
ALTER TABLE vyricon.jobs DROP CONSTRAINT calm;
CREATE FUNCTION public.of_owner(int) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF current_user <> 'vyricon_owner' THEN RAISE 'this runs as %', current_user; END IF;
  RETURN true;
END $$;
ALTER TABLE vyricon.jobs ADD CONSTRAINT own CHECK (public.of_owner(priority)) NOT VALID;
SELECT lives_ok('SELECT pg_temp.send()', 'a check that calls a user''s function runs as the owner');
ALTER TABLE vyricon.jobs DROP CONSTRAINT own;
CREATE FUNCTION public.of_owner_for_ever(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN public.of_owner($1); END $$;
SET LOCAL ROLE vyricon_owner;
CREATE INDEX by_user ON vyricon.jobs (id) WHERE public.of_owner_for_ever(priority);
RESET ROLE;
SELECT lives_ok('SELECT pg_temp.send()', 'and so does the condition of an index');
DROP INDEX vyricon.by_user;
CREATE TABLE public.customers (name text PRIMARY KEY);
ALTER TABLE vyricon.jobs ADD CONSTRAINT customer FOREIGN KEY (subject) REFERENCES public.customers (name) NOT VALID;
GRANT SELECT ON public.customers TO vyricon_owner;
SELECT throws_ok($$ SELECT pg_temp.send(subject => 'nobody') $$, '23503', NULL, 'a foreign key holds');
ALTER TABLE vyricon.jobs DROP CONSTRAINT customer;

-- Indexes.
CREATE UNIQUE INDEX one_each ON vyricon.jobs (subject) WHERE subject LIKE 'each %';
SELECT lives_ok($$ SELECT pg_temp.send(subject => 'each 1') $$, 'a unique index admits the first');
SELECT throws_ok($$ SELECT pg_temp.send(subject => 'each 1') $$, '23505', NULL, 'and refuses the second');
CREATE INDEX by_length ON vyricon.jobs (pg_catalog.length(subject)) WHERE subject LIKE 'long %';
CREATE INDEX by_hash ON vyricon.jobs USING hash (subject);
SELECT lives_ok($$ SELECT pg_temp.send(subject => 'long ' || repeat('x', n)) FROM generate_series(1, 50) AS n $$, 'with an index that is no btree jobs are enqueued');
SELECT is(pg_temp.count_of($$ subject = 'long xxx' $$, true), 1::bigint, 'and found by it');
DROP INDEX vyricon.by_hash;
SELECT lives_ok($$ SELECT pg_temp.send(subject => 'long ' || repeat('y', n)) FROM generate_series(1, 50) AS n $$, 'and without it');
SELECT is(pg_temp.count_of($$ length(subject) = 10 AND subject LIKE 'long %' $$, true), 2::bigint, 'an index of an expression has the rows of both times');
SELECT lives_ok(format('SELECT bt_index_check(%L, true)', 'vyricon.' || relname), relname || ' has every row that belongs there')
  FROM pg_class WHERE relkind = 'i' AND oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'vyricon.jobs'::regclass)
   AND relname IN ('jobs_pkey', 'jobs_due_idx', 'jobs_subject_idx', 'by_length') ORDER BY relname;

-- The transaction.
DO $$ BEGIN PERFORM pg_temp.send(subject => 'rolled back'); RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END $$;
SELECT is(pg_temp.count_of($$ subject = 'rolled back' $$, false), 0::bigint, 'what a savepoint rolls back was never enqueued');
ALTER TABLE vyricon.jobs FORCE ROW LEVEL SECURITY;
SELECT lives_ok('SELECT pg_temp.send()', 'row security that is forced on the owner does not keep jobs out');
SELECT is((SELECT count(DISTINCT j.idempotency_key) FROM generate_series(1, 300) AS n, vyricon.jobs AS j WHERE j.id = n), (SELECT count(*) FROM vyricon.jobs WHERE id <= 300),
          'no two jobs have the same idempotency key');
DO $$ BEGIN PERFORM pg_temp.send(jsonb_build_object('body', (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 22000) AS n))); END $$;
SELECT is(length(request) > 700000, true, 'a large request is kept whole') FROM vyricon.jobs WHERE id = (SELECT max(id) FROM vyricon.jobs);
SET LOCAL transaction_read_only = on;
SELECT throws_ok('SELECT pg_temp.send()', '25006', NULL, 'a transaction that only reads enqueues nothing');
SELECT * FROM finish();
ROLLBACK;
