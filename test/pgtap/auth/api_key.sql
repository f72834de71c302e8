-- api_key.sql: keys of applications, from creation to revocation.
BEGIN;
SELECT plan(27);

CREATE FUNCTION test.verdict(key text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN auth.verify_jwt(key) ->> 'role';
EXCEPTION WHEN SQLSTATE 'VY401' THEN
  RETURN SQLERRM;
END $$;
\set refused 'the API key is unknown, expired or revoked'

SET LOCAL ROLE service_role;
SELECT auth.create_api_key('publishable', 'web') AS publishable, auth.create_api_key('secret', 'worker') AS secret,
       auth.create_api_key('secret', 'short', now() + interval '1 hour') AS short, auth.create_api_key('secret', 'late', now() - interval '1 second') AS late \gset
SELECT matches(:'publishable'::text, '^sb_publishable_[A-Za-z0-9_-]{43}$', 'a publishable key holds 256 random bits');
SELECT matches(:'secret'::text, '^sb_secret_[A-Za-z0-9_-]{43}$', 'so does a secret key');
SELECT is(test.verdict(:'publishable'), 'anon'::text, 'a publishable key is anon');
SELECT is(test.verdict(:'secret'), 'service_role', 'a secret key is service_role');
SELECT is(test.verdict(:'short'), 'service_role', 'a key that has not expired yet');
SELECT is(test.verdict(key), want::text, name) FROM (VALUES
  (:'late', :'refused', 'a key that has expired'),
  ('sb_secret_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', :'refused', 'an unknown key'),
  (:'secret' || 'A', :'refused', 'a key with a letter more'),
  (left(:'secret', -1), :'refused', 'a key with a letter less'),
  (replace(:'publishable', 'publishable', 'secret'), :'refused', 'a publishable key that says it is secret'),
  ('sb_secret_' || repeat('A', 100000), :'refused', 'a key of 100,000 letters'),
  ('sb_secret_', :'refused', 'a prefix alone'),
  (upper(:'secret'), 'the token is malformed', 'a key in capitals is no key')
) AS t(key, want, name);
SELECT throws_ok(statement, 'VY422', NULL, name) FROM (VALUES
  ($$SELECT auth.create_api_key('admin', 'x')$$, 'there is no third kind'),
  ($$SELECT auth.create_api_key(NULL, 'x')$$, 'a key needs a kind'),
  ($$SELECT auth.create_api_key('secret', NULL)$$, 'and a name')
) AS t(statement, name);
SELECT throws_ok('SELECT * FROM auth.api_keys', '42501', NULL, 'service_role does not read the table');
RESET ROLE;

-- What is stored.
SELECT is((SELECT hash FROM auth.api_keys WHERE name = 'worker'), sha256(convert_to(:'secret', 'UTF8')), 'the SHA-256 of the key is stored');
SELECT is((SELECT count(*) FROM auth.api_keys AS k WHERE k::text LIKE '%' || substr(:'secret', 17) || '%'), 0::bigint, 'and nothing else of it');
SELECT is((SELECT prefix FROM auth.api_keys WHERE name = 'worker'), left(:'secret', 16), 'but the first letters, to tell it from others');

-- Over HTTP, in both places.
SELECT is((SELECT status FROM test.call('GET', '/auth/v1/.well-known/jwks.json', NULL::text, jsonb_build_object(header, value))), want, name) FROM (VALUES
  ('apikey', :'publishable', 200, 'the apikey header takes a key'),
  ('authorization', 'Bearer ' || :'secret', 200, 'Authorization: Bearer takes a key'),
  ('apikey', 'sb_secret_no', 401, 'the apikey header refuses an unknown key')
) AS t(header, value, want, name);

-- Revocation reaches what is cached.
SELECT id AS id FROM auth.api_keys WHERE name = 'worker' \gset
SET LOCAL ROLE service_role;
SELECT is(auth.revoke_api_key(:'id'), true, 'a key is revoked');
SELECT is(test.verdict(:'secret'), :'refused', 'and refused at once');
SELECT is(auth.revoke_api_key(:'id'), false, 'a second time there is nothing to revoke');
RESET ROLE;
SELECT is((SELECT count(*) FROM unnest('{anon,authenticated,vyricon_shim,vyricon_worker}'::text[]) AS role,
                   unnest('{"auth.create_api_key(text,text,timestamptz)",auth.revoke_api_key(uuid)}'::text[]) AS f(function)
            WHERE has_function_privilege(role, function, 'EXECUTE')), 0::bigint, 'nobody but service_role makes or revokes keys');

SELECT * FROM finish();
ROLLBACK;
