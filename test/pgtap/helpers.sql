-- helpers.sql: who asks, and how a request is answered, in pgTAP's words. Run it once on a database where vyricon.setup() has run:
--   psql -f test/pgtap/helpers.sql mydb; pg_prove -d mydb my_policies.sql
-- A test file is BEGIN; SELECT plan(n); ... SELECT * FROM finish(); ROLLBACK; and runs as superuser, so that it can be anybody.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE SCHEMA IF NOT EXISTS test;
GRANT USAGE ON SCHEMA test TO PUBLIC;

-- Being somebody else is for superusers' sessions: nothing here may open a door in a database that keeps the helpers.
CREATE OR REPLACE FUNCTION test.require_superuser() RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user) THEN
    RAISE insufficient_privilege USING MESSAGE = 'test helpers are for sessions of a superuser';
  END IF;
END $$;

-- The claims of 'anon', 'service_role' or a user's e-mail address.
CREATE OR REPLACE FUNCTION test.claims(who text) RETURNS jsonb LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found jsonb;
BEGIN
  PERFORM test.require_superuser();
  IF who IS NULL OR who IN ('anon', 'service_role') THEN
    RETURN jsonb_build_object('role', who);
  END IF;
  SELECT jsonb_build_object('sub', id, 'role', coalesce(nullif(role, ''), 'authenticated'), 'email', email, 'aud', 'authenticated')
    INTO found FROM auth.users WHERE lower(email) = lower(who);
  IF found IS NULL THEN
    RAISE no_data_found USING MESSAGE = format('no user %s', who), HINT = 'anon, service_role, or an e-mail address in auth.users';
  END IF;
  RETURN found;
END $$;

-- From here on, plain SQL runs as this caller and test.call() sends this caller's token; NULL: the superuser, and no credential.
CREATE OR REPLACE FUNCTION test.as(who text) RETURNS SETOF void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  claims jsonb := test.claims(who);
BEGIN
  PERFORM pg_catalog.set_config('test.caller', coalesce(who, ''), true);
  IF who IS NULL THEN
    PERFORM pg_catalog.set_config('request.jwt.claims', '', true), pg_catalog.set_config('role', 'none', true);
  ELSE
    PERFORM pg_catalog.set_config('request.jwt.claims', claims::text, true), pg_catalog.set_config('role', claims ->> 'role', true);
  END IF;
END $$;

-- A token of this caller for an hour, signed with the active key; more: claims to add or replace.
CREATE OR REPLACE FUNCTION test.token(who text, more jsonb DEFAULT '{}') RETURNS text
  LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$ SELECT auth.sign_jwt(test.claims(who) || jsonb_build_object('iat', t, 'exp', t + 3600) || more)
     FROM CAST(extract(epoch FROM clock_timestamp()) AS bigint) AS t $$;

-- One request through the whole pipeline; headers sent as an object, answered as an object with lower-case names.
CREATE OR REPLACE FUNCTION test.call(method text, path text, send text DEFAULT NULL, send_headers jsonb DEFAULT '{}',
                                     OUT status int, OUT headers jsonb, OUT body text, OUT json jsonb)
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  who text := coalesce(current_setting('test.caller', true), '');
  sent jsonb := '{}';
  flat text[];
  answer record;
BEGIN
  PERFORM test.require_superuser();
  IF who NOT IN ('', 'anon') THEN
    sent := sent || jsonb_build_object('authorization', 'Bearer ' || test.token(who));
  END IF;
  IF send IS NOT NULL THEN
    sent := sent || '{"content-type": "application/json"}';
  END IF;
  SELECT coalesce(array_agg(piece ORDER BY name, place), '{}') INTO flat
    FROM jsonb_each_text(sent || send_headers) AS h(name, value),
         LATERAL (VALUES (1, h.name), (2, h.value)) AS p(place, piece)
   WHERE value IS NOT NULL;
  answer := vyricon.http(method, path, flat, convert_to(send, 'UTF8'));
  status := answer.status;
  SELECT coalesce(jsonb_object_agg(lower(answer.headers[i]), answer.headers[i + 1]), '{}') INTO headers
    FROM generate_series(1, coalesce(array_length(answer.headers, 1), 0), 2) AS i;
  body := convert_from(answer.body, 'UTF8');
  IF headers ->> 'content-type' ~ 'json' AND body <> '' THEN
    json := body::jsonb;
  END IF;
END $$;

CREATE OR REPLACE FUNCTION test.call(method text, path text, send jsonb, send_headers jsonb DEFAULT '{}',
                                     OUT status int, OUT headers jsonb, OUT body text, OUT json jsonb) LANGUAGE sql VOLATILE AS
$$ SELECT * FROM test.call(method, path, send::text, send_headers) $$;

-- Denied: refused for want of rights, or no row was seen or touched. Whatever the statement did is undone.
CREATE OR REPLACE FUNCTION test.expect_denied(statement text, name text DEFAULT NULL) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  touched bigint;
  outcome text;
BEGIN
  BEGIN
    EXECUTE statement;
    GET DIAGNOSTICS touched = ROW_COUNT;
    RAISE EXCEPTION USING ERRCODE = 'UNDO0';
  EXCEPTION
    WHEN SQLSTATE 'UNDO0' THEN outcome := CASE WHEN touched > 0 THEN format('touched %s rows', touched) END;
    WHEN insufficient_privilege OR SQLSTATE 'VY401' OR SQLSTATE 'VY403' THEN NULL;
    WHEN OTHERS THEN outcome := format('raised %s: %s', SQLSTATE, SQLERRM);
  END;
  RETURN ok(outcome IS NULL, coalesce(name, statement || ' is denied')) || coalesce(E'\n' || diag(outcome), '');
END $$;
RESET client_min_messages;
