-- Nothing that a handler leaves in the session reaches the next caller.
BEGIN;
SELECT plan(37);
INSERT INTO auth.users (id, email, role, aud) VALUES ('aaaaaaaa-0000-4000-8000-000000000001', 'mallory@example.org', 'authenticated', 'authenticated');
CREATE SCHEMA hostile;
GRANT USAGE, CREATE ON SCHEMA hostile TO PUBLIC;
CREATE FUNCTION hostile.run(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  IF input->'body'->>'before' IS NOT NULL THEN EXECUTE input->'body'->>'before'; END IF;
  EXECUTE input->'body'->>'sql' INTO result;
  RETURN jsonb_build_object('value', result);
END $$;
SELECT vyricon.route('POST', '/hostile/run', 'hostile.run') \gset ignored_
CREATE SEQUENCE hostile.numbers;
GRANT USAGE ON SEQUENCE hostile.numbers TO authenticated;
GRANT TEMPORARY ON DATABASE :"DBNAME" TO PUBLIC;
SELECT test.as('mallory@example.org');
RESET ROLE;
PREPARE mine AS SELECT 1;
CREATE TEMP TABLE mine (n int);

SELECT is((SELECT status FROM test.call('POST', '/hostile/run', jsonb_build_object('before', statement, 'sql', 'SELECT 1'))), 200, statement || ' is allowed')
  FROM (VALUES
    ('CREATE TEMP TABLE left_behind AS SELECT 1 AS n'),
    ('CREATE TEMP VIEW left_view AS SELECT 1 AS n'),
    ('CREATE TYPE pg_temp.left_pair AS (a int, b int)'),
    ($$CREATE TYPE pg_temp.left_enum AS ENUM ('a')$$),
    ($$CREATE FUNCTION pg_temp.left_function() RETURNS int LANGUAGE sql AS 'SELECT 1'$$),
    ('SELECT pg_advisory_lock(4711), pg_advisory_lock_shared(4712)'),
    ('LISTEN left_channel'),
    ('PREPARE left_statement AS SELECT 1'),
    ($$SET work_mem = '17MB'$$),
    ($$SELECT set_config('search_path', 'hostile', false)$$),
    ($$SELECT set_config('app.left', 'value', false)$$),
    ($$SELECT nextval('hostile.numbers')$$),
    ($$DO 'BEGIN EXECUTE ''DECLARE left_cursor CURSOR WITH HOLD FOR SELECT 1''; END'$$)) AS t(statement);

SELECT is(to_regclass('pg_temp.left_behind'), NULL, 'a temporary table is gone');
SELECT is(to_regclass('pg_temp.left_view'), NULL, 'a temporary view is gone');
SELECT is_empty($$SELECT typname FROM pg_type WHERE typname LIKE 'left%'$$, 'temporary types are gone');
SELECT is_empty($$SELECT proname FROM pg_proc WHERE proname LIKE 'left\_%'$$, 'a temporary function is gone');
SELECT is_empty($$SELECT * FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()$$, 'session advisory locks are released');
SELECT is_empty('SELECT pg_listening_channels()', 'nothing is listened to');
SELECT is_empty($$SELECT name FROM pg_prepared_statements WHERE name LIKE 'left%'$$, 'no prepared statement is left');
SELECT is_empty($$SELECT name FROM pg_cursors WHERE name LIKE 'left%'$$, 'no held cursor is left');
SELECT isnt(current_setting('work_mem'), '17MB', 'a session-wide SET is undone');
SELECT isnt(current_setting('search_path'), 'hostile', 'a session-wide set_config() is undone');
SELECT is(coalesce(current_setting('app.left', true), ''), '', 'a setting of the application''s own is undone');
SELECT throws_ok($$SELECT lastval() FROM test.call('POST', '/hostile/run', '{"sql":"SELECT nextval(''hostile.numbers'')"}'::jsonb)$$, '55000', NULL,
                 'lastval() tells nothing');
SELECT throws_ok($$SELECT currval('hostile.numbers')$$, '55000', NULL, 'currval() tells nothing');
SELECT lives_ok('EXECUTE mine', 'what the session itself had prepared is still there');
SELECT isnt(to_regclass('pg_temp.mine'), NULL, 'the session''s own temporary table is still there');

-- A request that fails: what a rollback does not undo.
SELECT is((SELECT status FROM test.call('POST', '/hostile/run', jsonb_build_object('before', statement, 'sql', 'SELECT 1/0'))), 400, statement || ', then an error')
  FROM (VALUES ('SELECT pg_advisory_lock(4711)'), ('PREPARE left_statement AS SELECT 1'), ($$SELECT nextval('hostile.numbers')$$)) AS t(statement);
SELECT is_empty($$SELECT * FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()$$, 'after an error session advisory locks are released');
SELECT is_empty($$SELECT name FROM pg_prepared_statements WHERE name LIKE 'left%'$$, 'after an error no prepared statement is left');
SELECT throws_ok($$SELECT currval('hostile.numbers')$$, '55000', NULL, 'after an error currval() tells nothing');

-- Reading requests.
CREATE FUNCTION hostile.write_anyway(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE input->'query'->>'before';
  CREATE TABLE hostile.written (n int);
  RETURN 'true';
END $$;
SELECT vyricon.route('GET', '/hostile/write', 'hostile.write_anyway') \gset ignored_
SELECT isnt((SELECT status FROM test.call('GET', '/hostile/write?before=' || statement)), 200, statement || ' does not let a GET write')
  FROM (VALUES ('SET%20transaction_read_only=off'), ('SET%20TRANSACTION%20READ%20WRITE')) AS t(statement);
SELECT is(current_setting('transaction_read_only'), 'off', 'after a GET the transaction may write again');
SELECT * FROM finish();
ROLLBACK;
