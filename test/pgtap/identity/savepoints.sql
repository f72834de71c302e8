-- Identity follows savepoints, and an error in the middle leaves a clean session for the next caller.
BEGIN;
SELECT plan(14);
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
SELECT session_user AS me \gset
CREATE TABLE hostile.notes (n int);
GRANT ALL ON hostile.notes TO PUBLIC;
SELECT test.as('mallory@example.org');
RESET ROLE;
SELECT is((SELECT json->>'value' FROM test.call('POST', '/hostile/run', jsonb_build_object('before', format('DO %L', block),
            'sql', $$SELECT current_user || ' ' || auth.uid()$$))),
          'authenticated aaaaaaaa-0000-4000-8000-000000000001', name)
  FROM (VALUES
    ($$BEGIN PERFORM 1/0; EXCEPTION WHEN OTHERS THEN NULL; END$$, 'a caught error keeps the identity'),
    ($$BEGIN BEGIN PERFORM 1/0; EXCEPTION WHEN OTHERS THEN PERFORM auth.uid(); RAISE; END; EXCEPTION WHEN OTHERS THEN NULL; END$$,
     'an error caught twice keeps the identity'),
    ($$BEGIN BEGIN SET ROLE service_role; EXCEPTION WHEN OTHERS THEN NULL; END; END$$, 'a caught SET ROLE keeps the identity'),
    ($$BEGIN FOR i IN 1..20 LOOP BEGIN INSERT INTO hostile.notes VALUES (i); IF i % 2 = 0 THEN RAISE 'even'; END IF;
       EXCEPTION WHEN raise_exception THEN NULL; END; END LOOP; END$$, 'many savepoints keep the identity'),
    ($$BEGIN BEGIN PERFORM auth.use_claims('x.y.z'); EXCEPTION WHEN OTHERS THEN NULL; END; END$$, 'a refused auth.use_claims() keeps the identity'))
  AS t(block, name);
SELECT is((SELECT count(*) FROM hostile.notes), 10::bigint, 'savepoints kept and undid what they should');

SELECT is((SELECT status FROM test.call('POST', '/hostile/run', jsonb_build_object('before',
            $$DO 'BEGIN INSERT INTO hostile.notes VALUES (99); SET work_mem = ''19MB''; CREATE TEMP TABLE half (n int); RAISE EXCEPTION ''in the middle''; END'$$,
            'sql', 'SELECT 1'))), 400, 'an error in the middle is answered');
SELECT is_empty('SELECT FROM hostile.notes WHERE n = 99', 'what was written before the error is undone');
SELECT isnt(current_setting('work_mem'), '19MB', 'what was set before the error is undone');
SELECT is(current_user::text, :'me', 'after an error the session is who it was');
SELECT test.as(NULL);
SELECT is(auth.uid(), NULL, 'after an error nobody is calling');
SELECT test.as('anon');
RESET ROLE;
SELECT is((SELECT json->>'value' FROM test.call('POST', '/hostile/run', $${"sql":"SELECT current_user || coalesce(auth.uid()::text, '')"}$$::jsonb)), 'anon',
          'the next request is its own caller''s');
SELECT is((SELECT status FROM test.call('POST', '/hostile/run', '{"sql":"SELECT 1/0"}'::jsonb)), 400, 'anon may fail too');
SELECT is(current_setting('transaction_read_only'), 'off', 'and the transaction goes on');
SELECT * FROM finish();
ROLLBACK;
