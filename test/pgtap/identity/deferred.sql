-- Deferred triggers run as the caller, before the identity is left, however often they are deferred again.
BEGIN;
SELECT plan(8);
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
CREATE TABLE hostile.orders (n int PRIMARY KEY, parent int REFERENCES hostile.orders DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE hostile.log (n int, who text, uid uuid);
GRANT ALL ON hostile.orders, hostile.log TO authenticated;
CREATE FUNCTION hostile.later() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO hostile.log VALUES (NEW.n, current_user, auth.uid());
  IF NEW.n < 5 THEN
    SET CONSTRAINTS ALL DEFERRED;
    INSERT INTO hostile.orders VALUES (NEW.n + 1);
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON hostile.orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hostile.later();
SELECT test.as('mallory@example.org');
RESET ROLE;

SELECT is((SELECT status FROM test.call('POST', '/hostile/run', '{"before":"INSERT INTO hostile.orders VALUES (1)","sql":"SELECT 1"}'::jsonb)), 200,
          'a request with deferred triggers succeeds');
SELECT is((SELECT array_agg(n ORDER BY n) FROM hostile.log), '{1,2,3,4,5}', 'all deferred triggers have fired when it is answered');
SELECT is((SELECT array_agg(DISTINCT who) FROM hostile.log), '{authenticated}', 'each one ran as the caller''s role');
SELECT is((SELECT array_agg(DISTINCT uid) FROM hostile.log), '{aaaaaaaa-0000-4000-8000-000000000001}', 'each one knew who is calling');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT is((SELECT count(*) FROM hostile.log), 5::bigint, 'nothing is left for the session''s own role');
SET CONSTRAINTS ALL DEFERRED;

SELECT is((SELECT status FROM test.call('POST', '/hostile/run', '{"before":"INSERT INTO hostile.orders VALUES (100, 99)","sql":"SELECT 1"}'::jsonb)), 409,
          'a deferred foreign key is a 409');
SELECT is_empty('SELECT FROM hostile.orders WHERE n = 100', 'and its row is not there');
SELECT is((SELECT status FROM test.call('POST', '/hostile/run',
            jsonb_build_object('before', 'INSERT INTO hostile.orders VALUES (200, 201); INSERT INTO hostile.orders VALUES (201)', 'sql', 'SELECT 1'))), 200,
          'a deferred foreign key that is met in the end is fine');
SELECT * FROM finish();
ROLLBACK;
