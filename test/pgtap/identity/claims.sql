-- Who is calling is what the dispatcher verified; nothing that a caller can set changes it.
BEGIN;
SELECT plan(23);
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
CREATE ROLE plain_login LOGIN;
GRANT authenticated TO plain_login;
SELECT test.token('mallory@example.org') AS token \gset
SELECT test.as('mallory@example.org');
RESET ROLE;

SELECT is((SELECT json->>'value' FROM test.call('POST', '/hostile/run', jsonb_build_object('before', forgery, 'sql',
            $$SELECT auth.uid() || ' ' || auth.role() || ' ' || (auth.jwt()->>'sub')$$))),
          'aaaaaaaa-0000-4000-8000-000000000001 authenticated aaaaaaaa-0000-4000-8000-000000000001', forgery || ' changes nothing')
  FROM (VALUES
    ($$SELECT set_config('request.jwt.claims', '{"sub":"bbbbbbbb-0000-4000-8000-000000000001","role":"service_role"}', true)$$),
    ($$SELECT set_config('request.jwt.claims', '{"role":"service_role"}', false)$$),
    ($$SET request.jwt.claims = '{"role":"service_role"}'$$),
    ($$SET LOCAL "request.jwt.claim.sub" = 'bbbbbbbb-0000-4000-8000-000000000001'$$),
    ($$RESET request.jwt.claims$$),
    ($$RESET ALL$$)) AS t(forgery);

SELECT isnt((SELECT status FROM test.call('POST', '/hostile/run', jsonb_build_object('before', forgery, 'sql', 'SELECT 1'))), 200, forgery || ' is refused')
  FROM (VALUES
    ($$SET vyricon.identity = '{"sub":"bbbbbbbb-0000-4000-8000-000000000001","role":"service_role"}'$$),
    ($$SELECT set_config('vyricon.identity', '{"role":"service_role"}', true)$$),
    ($$SET vyricon.trusted_claims_roles = 'authenticated'$$),
    ($$SET vyricon.dev = on$$)) AS t(forgery);

SELECT is((SELECT (json->>'value')::jsonb->>'sub' FROM test.call('POST', '/hostile/run', $${"sql":"SELECT current_setting('request.jwt.claims')"}$$::jsonb)),
          'aaaaaaaa-0000-4000-8000-000000000001', 'request.jwt.claims reads as the verified claims');
SELECT is((SELECT status FROM test.call('POST', '/hostile/run', jsonb_build_object('sql', format('SELECT auth.use_claims(%L)', :'token')))), 403,
          'auth.use_claims() is refused inside a request');
SELECT is((SELECT status FROM test.call('POST', '/hostile/run', $${"sql":"SELECT vyricon.http('GET', '/openapi.json')"}$$::jsonb) AS c) IN (401, 403, 404), true,
          'no request is served inside a request');

-- Outside of a request: nobody, until a token is verified.
SELECT test.as(NULL);
SELECT is(auth.uid(), NULL, 'after a request nobody is calling');
SELECT throws_ok($$SET LOCAL vyricon.identity = '{"role":"service_role"}'$$, NULL, NULL, 'not even a superuser sets vyricon.identity');
SELECT set_config('request.jwt.claims', '{"sub":"bbbbbbbb-0000-4000-8000-000000000001","role":"authenticated"}', true) \gset ignored_
SELECT is(auth.uid(), 'bbbbbbbb-0000-4000-8000-000000000001', 'a superuser''s own claims setting is believed');
SET SESSION AUTHORIZATION plain_login;
SELECT is(auth.uid(), NULL, 'the same setting is not believed of a plain login role');
SELECT is(auth.role(), NULL, 'nor is its role');
SET LOCAL ROLE authenticated;
SELECT is(auth.uid(), NULL, 'nor after SET ROLE');
RESET ROLE;
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION vyricon_shim;
SELECT set_config('request.jwt.claims', '{"sub":"bbbbbbbb-0000-4000-8000-000000000001","role":"service_role"}', true) \gset ignored_
RESET SESSION AUTHORIZATION;
SELECT set_config('request.jwt.claims', '', true) \gset ignored_

SELECT throws_ok(format('SELECT auth.use_claims(%L)', overlay(:'token' PLACING 'AAAA' FROM length(:'token') - 10)), 'VY401', NULL,
                 'auth.use_claims() refuses a bad signature');
SAVEPOINT before;
SELECT auth.use_claims(:'token') \gset ignored_
SELECT is(auth.uid(), 'aaaaaaaa-0000-4000-8000-000000000001', 'auth.use_claims() of a good token says who is calling');
ROLLBACK TO before;
SELECT is(auth.uid(), NULL, 'claims end with the savepoint that was rolled back');
SELECT is((vyricon.http('POST', '/hostile/run', ARRAY['content-type', 'application/json'], convert_to('{"sql":"SELECT auth.role()"}', 'UTF8'))).status, 200,
          'a caller without credential is anon');
SELECT * FROM finish();
ROLLBACK;
