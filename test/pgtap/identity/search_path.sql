-- Operators and functions planted by a caller are never run by the platform: neither as the owner nor as the session's role.
-- A fresh session: every platform statement is planned under the hostile search_path for the first time.
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
SELECT test.token('mallory@example.org') AS token \gset
CREATE TABLE hostile.seen (who text, what text);
GRANT ALL ON hostile.seen TO PUBLIC;
GRANT TEMPORARY ON DATABASE :"DBNAME" TO PUBLIC;
SET LOCAL ROLE authenticated;
CREATE FUNCTION hostile.texteq(text, text) RETURNS boolean LANGUAGE plpgsql AS
  $$BEGIN INSERT INTO hostile.seen VALUES (current_user, 'text = text'); RETURN true; END$$;
CREATE FUNCTION hostile.uuideq(uuid, uuid) RETURNS boolean LANGUAGE plpgsql AS
  $$BEGIN INSERT INTO hostile.seen VALUES (current_user, 'uuid = uuid'); RETURN true; END$$;
CREATE FUNCTION hostile.byteaeq(bytea, bytea) RETURNS boolean LANGUAGE plpgsql AS
  $$BEGIN INSERT INTO hostile.seen VALUES (current_user, 'bytea = bytea'); RETURN true; END$$;
CREATE FUNCTION hostile.timegt(timestamptz, timestamptz) RETURNS boolean LANGUAGE plpgsql AS
  $$BEGIN INSERT INTO hostile.seen VALUES (current_user, 'timestamptz > timestamptz'); RETURN true; END$$;
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.texteq);
CREATE OPERATOR hostile.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = hostile.uuideq);
CREATE OPERATOR hostile.= (LEFTARG = bytea, RIGHTARG = bytea, FUNCTION = hostile.byteaeq);
CREATE OPERATOR hostile.> (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = hostile.timegt);
CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE plpgsql AS
  $$BEGIN INSERT INTO hostile.seen VALUES (current_user, 'now()'); RETURN pg_catalog.now(); END$$;
CREATE FUNCTION hostile.lower(text) RETURNS text LANGUAGE plpgsql AS
  $$BEGIN INSERT INTO hostile.seen VALUES (current_user, 'lower()'); RETURN $1; END$$;
CREATE FUNCTION hostile.has_any_column_privilege(oid, text) RETURNS boolean LANGUAGE plpgsql AS
  $$BEGIN INSERT INTO hostile.seen VALUES (current_user, 'has_any_column_privilege()'); RETURN true; END$$;
CREATE TEMP TABLE pg_namespace (oid oid, nspname name);
CREATE TEMP TABLE users (id uuid, email text, role text);
CREATE TEMP TABLE custom_routes (method text, pattern text);
RESET ROLE;

-- Only the platform's statements run here: pgTAP would call what is planted.
SET LOCAL search_path = hostile, pg_temp, pg_catalog, public;
SELECT status AS description FROM vyricon.http('GET', '/openapi.json', ARRAY['authorization', 'Bearer ' || :'token']) \gset
SELECT status AS route FROM vyricon.http('POST', '/hostile/run', ARRAY['authorization', 'Bearer ' || :'token', 'content-type', 'application/json'],
                                         pg_catalog.convert_to('{"sql":"SELECT 1"}', 'UTF8')) \gset
SELECT status AS rows FROM vyricon.http('GET', '/rest/v1/tours?limit=1', ARRAY['authorization', 'Bearer ' || :'token']) \gset
SELECT status AS unknown_key FROM vyricon.http('GET', '/rest/v1/tours?limit=1', ARRAY['apikey', 'sb_secret_AAAAAAAAAAAAAAAAAAAAAA']) \gset
SELECT status AS keys FROM vyricon.http('GET', '/auth/v1/.well-known/jwks.json') \gset
SELECT vyricon.explain('GET', '/rest/v1/tours', 'mallory@example.org') AS explanation \gset
SET LOCAL search_path = pg_catalog, public;
SELECT is(:description, 200, 'the description is served');
SELECT is(:route, 200, 'a user''s route is served');
SELECT is(:rows, 200, 'a table is served');
SELECT is(:unknown_key, 401, 'an unknown key is refused');
SELECT is(:keys, 200, 'the key set is served');
SELECT is(:'explanation'::jsonb->>'route', '/rest/v1/:relation', 'an explanation is made');
SELECT is((SELECT string_agg(DISTINCT who || ': ' || what, ', ') FROM hostile.seen WHERE who NOT IN ('anon', 'authenticated')), NULL,
          'nothing planted ran as anybody but a caller');
SELECT is(has_table_privilege('vyricon_shim', 'auth.users', 'SELECT') OR has_table_privilege('vyricon_shim', 'vyricon.secrets', 'SELECT'), false,
          'the shim''s role reads no table');
SELECT * FROM finish();
ROLLBACK;
