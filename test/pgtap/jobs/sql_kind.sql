-- Jobs that call a function: what vyricon.enqueue('sql', ...) keeps, and what it refuses while whoever made the mistake is still there.
BEGIN;
SELECT plan(40);

CREATE FUNCTION public.take(a int, b text DEFAULT 'b') RETURNS text LANGUAGE sql AS $$ SELECT a || b $$;
CREATE FUNCTION public.take(c date) RETURNS date LANGUAGE sql AS $$ SELECT c $$;
CREATE FUNCTION public.take_many(VARIADIC items int[]) RETURNS int LANGUAGE sql AS $$ SELECT cardinality(items) $$;
CREATE FUNCTION public.take_all(jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT $1 $$;
CREATE FUNCTION public.twice(a int) RETURNS int LANGUAGE sql AS $$ SELECT a $$;
CREATE FUNCTION public.twice(a text) RETURNS text LANGUAGE sql AS $$ SELECT a $$;
CREATE FUNCTION public.rows_of(a int) RETURNS SETOF int LANGUAGE sql AS $$ SELECT a $$;
CREATE FUNCTION public.any_of(a anyelement) RETURNS anyelement LANGUAGE sql AS $$ SELECT a $$;
CREATE FUNCTION public.on_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE PROCEDURE public.proceed() LANGUAGE sql AS $$ SELECT 1 $$;
CREATE FUNCTION public."a ""quoted"" name"() RETURNS void LANGUAGE sql AS $$ SELECT $$;
CREATE FUNCTION public.secret() RETURNS void LANGUAGE sql AS $$ SELECT $$;
REVOKE EXECUTE ON FUNCTION public.secret() FROM PUBLIC;
CREATE SCHEMA closed;
CREATE FUNCTION closed.f() RETURNS void LANGUAGE sql AS $$ SELECT $$;
CREATE FUNCTION public.is_mine(value int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'asked by %', current_user; END $$;
CREATE DOMAIN public.mine AS int CHECK (public.is_mine(value));
CREATE FUNCTION public.take_mine(a public.mine) RETURNS void LANGUAGE sql AS $$ SELECT $$;

CREATE FUNCTION pg_temp.call(function text, args jsonb DEFAULT NULL) RETURNS vyricon.jobs LANGUAGE plpgsql AS $$
DECLARE
  found vyricon.jobs;
  job bigint := vyricon.enqueue('sql', jsonb_build_object('function', function, 'args', args));
BEGIN
  SELECT * INTO found FROM vyricon.jobs WHERE id = job;
  RETURN found;
END $$;
-- Message and detail of what a statement raises.
CREATE FUNCTION pg_temp.words_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  message text;
  detail text;
BEGIN
  EXECUTE statement;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
  RETURN concat_ws(' ', SQLSTATE, message, nullif(detail, ''));
END $$;

SELECT test.as('service_role');

-- What is kept.
SELECT is((j).state, 'queued', 'a call is queued') FROM pg_temp.call('public.take', '{"a":1}') AS j;
SELECT is((j).role_name, 'service_role', 'it knows who enqueued it') FROM pg_temp.call('public.take', '{"a":1}') AS j;
SELECT is((j).repeatable, true, 'it may be repeated: what is not recorded did not happen') FROM pg_temp.call('public.take', '{"a":1}') AS j;
SELECT is(position('{"a": 1}'::bytea IN (j).request) > 0, true, 'its arguments are frozen') FROM pg_temp.call('public.take', '{"a":1}') AS j;
SELECT is(vyricon.enqueue('sql', '{"function":"public.take","args":{"a":1}}', key => 'k'), vyricon.enqueue('sql', '{"function":"PUBLIC.take","args":{"a":1}}', key => 'k'),
  'the same key is the same job, however the name is written');
SELECT throws_ok($$ SELECT vyricon.enqueue('sql', '{"function":"public.take","args":{"a":2}}', key => 'k') $$, 'VY409', NULL, 'a key does not change its meaning');

-- What can be called.
SELECT lives_ok(format('SELECT pg_temp.call(%L, %L)', function, args), function || coalesce(' with ' || args, ' without arguments'))
  FROM (VALUES ('public.take', '{"a":1,"b":"x"}'), ('public.take', '{"a":"1"}'), ('public.take', '{"a":null}'), ('public.take', '{"c":"2027-01-01"}'),
               ('public.take_many', '{"items":[1,2,3]}'), ('public.take_all', '{"any":{"thing":[1]}}'), ('public.take_all', '{}'),
               ('public."a ""quoted"" name"', NULL), ('pg_catalog.now', NULL)) AS t(function, args);

-- What is refused.
SELECT is(pg_temp.words_of(format('SELECT vyricon.enqueue(%L, %L)', 'sql', payload)), words, payload)
  FROM (VALUES ('{}', 'VY422 the job''s payload is not valid "function" is missing.'),
               ('{"function":1}', 'VY422 the job''s payload is not valid "function" must be a text.'),
               ('{"function":"public.take","args":[1]}', 'VY422 the job''s payload is not valid "args" must be an object.'),
               ('{"function":"public.take","arg":{}}', 'VY422 the job''s payload is not valid "arg" is not known to this kind of job.'),
               ('{"function":"take","args":{"a":1}}', 'VY422 "take" does not name a function with its schema'),
               ('{"function":"public.take(int)"}', 'VY422 there is no function public."take(int)" that a job can call Procedures, aggregates, triggers and functions with arguments of a pseudo-type are none.'),
               ('{"function":"public.take; DROP TABLE x"}', '42602 invalid name syntax'),
               ('{"function":"public.take","args":{}}', 'VY422 no function public.take takes these arguments Given by name: none.'),
               ('{"function":"public.take","args":{"a":1,"z":2}}', 'VY422 no function public.take takes these arguments Given by name: a, z.'),
               ('{"function":"public.take_many"}', 'VY422 no function public.take_many takes these arguments Given by name: none.'),
               ('{"function":"public.twice","args":{"a":1}}', 'VY422 more than one function public.twice takes these arguments Given by name: a.'),
               ('{"function":"public.rows_of","args":{"a":1}}', 'VY422 public.rows_of returns a set, which a job cannot keep'),
               ('{"function":"public.take","args":{"a":"x"}}', '22P02 invalid input syntax for type integer: "x"'),
               ('{"function":"public.secret"}', '42501 permission denied for function secret'),
               ('{"function":"closed.f"}', '42501 permission denied for schema closed')) AS t(payload, words);
SELECT matches(pg_temp.words_of(format('SELECT pg_temp.call(%L)', function)), 'there is no function .* that a job can call', function || ' is none')
  FROM (VALUES ('public.no_such'), ('no_such.f'), ('public.any_of'), ('public.on_change'), ('public.proceed'), ('pg_catalog.sum')) AS t(function);
SELECT is(pg_temp.words_of($$ SELECT pg_temp.call('public.take_mine', '{"a":1}') $$), 'P0001 asked by service_role', 'a domain''s check runs as the enqueuer');

-- Who may.
SELECT test.as(NULL);
SELECT is(pg_temp.words_of($$ SELECT pg_temp.call('public.take', '{"a":1}') $$), '42501 no job runs as a superuser The job would run as "postgres", who enqueued it.', 'no job of a superuser');
CREATE FUNCTION public.call_for_user(function text) RETURNS bigint LANGUAGE sql SECURITY DEFINER AS
  $$ SELECT vyricon.enqueue('sql', jsonb_build_object('function', function)) $$;
SELECT test.as('guide@example.com');
SELECT throws_ok($$ SELECT vyricon.enqueue('sql', '{"function":"pg_catalog.now"}') $$, '42501', NULL, 'a user enqueues nothing by himself');
SELECT is(pg_temp.words_of($$ SELECT public.call_for_user('public.secret') $$), '42501 permission denied for function secret',
  'behind a SECURITY DEFINER function the user''s own rights count');
SELECT * FROM finish();
ROLLBACK;
