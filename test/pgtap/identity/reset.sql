-- What the session made before, the shim's prepared statements among it, is not a handler's to drop.
BEGIN;
SELECT plan(10);
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
SELECT test.as('mallory@example.org');
RESET ROLE;
PREPARE mine AS SELECT 1;

SELECT is(r.status || ' ' || (r.json ->> 'code'), '403 VY403', statement || ' is refused')
  FROM (VALUES ('DEALLOCATE ALL'), ('DEALLOCATE mine'), ('DISCARD ALL'), ('DISCARD TEMP'), ('DISCARD PLANS'), ('DISCARD SEQUENCES'), ('UNLISTEN *'),
               ('UNLISTEN somewhere')) AS s(statement),
       LATERAL test.call('POST', '/hostile/run', jsonb_build_object('before', statement, 'sql', 'SELECT 1')) AS r;
SELECT is(count(*), 1::bigint, 'the session''s own statement is still prepared') FROM pg_prepared_statements WHERE name = 'mine';
SELECT is((test.call('POST', '/hostile/run', '{"before":"PREPARE yours AS SELECT 1","sql":"SELECT 1"}')).status, 200, 'a handler may prepare its own');
DEALLOCATE mine;
SELECT * FROM finish();
ROLLBACK;
