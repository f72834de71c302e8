-- keys.sql: the life of signing keys, and what the world sees of them.
BEGIN;
SELECT plan(47);

-- 'valid', or what is wrong.
CREATE FUNCTION test.verdict(token text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM auth.verify_jwt(token);
  RETURN 'valid';
EXCEPTION WHEN SQLSTATE 'VY401' THEN
  RETURN SQLERRM;
END $$;
CREATE FUNCTION test.kid(token text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT convert_from(decode(translate(head, '-_', '+/') || repeat('=', -length(head) & 3), 'base64'), 'UTF8')::jsonb ->> 'kid'
    FROM split_part(token, '.', 1) AS head $$;
CREATE FUNCTION test.status(key text) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$ SELECT status FROM auth.signing_keys WHERE kid = key $$;

CREATE FUNCTION test.round_trip(alg text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  kid text := auth.create_signing_key(alg);
  token text := auth.sign_jwt('{"exp": 4102444800}');
BEGIN
  RETURN CASE WHEN test.kid(token) = kid THEN test.verdict(token) ELSE 'signed with another key' END;
END $$;

-- Each algorithm signs and verifies, whichever is active.
SET LOCAL ROLE service_role;
SELECT auth.create_signing_key('ES256') AS first \gset
SELECT auth.sign_jwt('{"exp": 4102444800}') AS token \gset
SELECT is(test.kid(:'token'), :'first', 'the new key signs');
SELECT is(test.verdict(:'token'), 'valid', 'its token is valid');
SELECT is(test.round_trip(alg), 'valid', alg || ' signs what it verifies')
  FROM unnest('{ES256,RS256,EdDSA,HS256}'::text[]) AS alg;
SELECT throws_ok(format('SELECT auth.create_signing_key(%L)', alg), 'VY422', 'unknown signing algorithm', format('no key for %L', alg))
  FROM unnest('{none,HS512,es256,""}'::text[]) AS alg;

-- Rotation.
SELECT throws_ok('SELECT auth.rotate_signing_key()', 'VY409', 'there is no standby signing key', 'rotation needs a standby key');
SELECT auth.create_signing_key() AS old \gset
SELECT auth.sign_jwt('{"exp": 4102444800}') AS old_token \gset
SELECT auth.create_signing_key(activate => false) AS standby \gset
SELECT is(test.status(:'standby'), 'standby', 'a standby key waits');
SELECT is(test.kid(auth.sign_jwt('{"exp": 4102444800}')), :'old', 'and does not sign yet');
SELECT ok(auth.jwks() -> 'keys' @> jsonb_build_array(jsonb_build_object('kid', :'standby'::text)), 'but is published');
SELECT throws_ok('SELECT auth.create_signing_key(activate => false)', '23505', NULL, 'there is one standby key at most');
SELECT is(auth.rotate_signing_key('1 hour'), :'standby', 'rotation names the key that signs now');
SELECT is(test.status(:'old'), 'previous', 'the key before is previous');
SELECT is(test.kid(auth.sign_jwt('{"exp": 4102444800}')), :'standby', 'new tokens are signed with the new key');
SELECT is(test.verdict(:'old_token'), 'valid', 'old tokens verify until their key expires');
RESET ROLE;
SELECT is(expires_at, now() + interval '1 hour', 'which is when rotation said') FROM auth.signing_keys WHERE kid = :'old';
UPDATE auth.signing_keys SET expires_at = now() - interval '1 second' WHERE kid = :'old';
SET LOCAL ROLE service_role;
SELECT is(test.verdict(:'old_token'), 'the token is signed with an unknown key', 'after that they do not, cached or not');
SELECT ok(NOT auth.jwks() -> 'keys' @> jsonb_build_array(jsonb_build_object('kid', :'old'::text)), 'and the key is published no more');

-- Revocation.
SELECT auth.sign_jwt('{"exp": 4102444800}') AS token \gset
SELECT is(test.verdict(:'token'), 'valid', 'a token before its key is revoked');
SELECT is(auth.revoke_signing_key(:'standby'), true, 'a key is revoked');
SELECT is(test.verdict(:'token'), 'the token is signed with an unknown key', 'its tokens are refused at once');
SELECT is(auth.revoke_signing_key(:'standby'), false, 'a second time there is nothing to revoke');
SELECT is(auth.revoke_signing_key('no-such-key'), false, 'nor for an unknown key');
SELECT throws_ok($$SELECT auth.sign_jwt('{"exp": 4102444800}')$$, 'VY503', 'there is no active signing key', 'without an active key nothing is signed');
SELECT auth.create_signing_key() \g /dev/null
RESET ROLE;
SELECT is((SELECT count(*) FROM vyricon.secrets WHERE name = 'auth.signing_key.' || :'standby'), 0::bigint, 'a revoked key''s secret is gone');

-- Import.
\set weak_rsa '-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC6Tj4Ox8Ik8AgvsJe2w/Tu9YcG\nOkPmD4fuHHCEg95MbbjK0wVuOJt0Ckxv/HmEbdd1GKRkU/wyNdVLUgC5Yvg8SoJr\n+J7Mf3wvOLH8terKv8shYZD7+rXEtfA4F6cKvDNXZRz/w+qpyGy3VhPkzW+935xV\nrLEW6/5hxDX72m6f9wIDAQAB\n-----END PUBLIC KEY-----'
\set p384 '-----BEGIN PUBLIC KEY-----\nMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEsTS1sH0K9e0PTDt5UTEgZTys7eNGLkCg\n6o39v3xt+FW4mJrRFxRHT1Lm9bjt+ma1AkEEXKwhsngHyQR86o8JNrHPQOPN3/45\n0U3YKX2UYFlRs0ypaMWrPdsqSFfGK7t6\n-----END PUBLIC KEY-----'
\set p256 '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n-----END PUBLIC KEY-----'
SET LOCAL ROLE service_role;
SELECT throws_ok(format('SELECT auth.import_signing_key(%L, %L, %L, %L)', kid, alg, key, status), 'VY422', NULL, 'import refuses ' || name) FROM (VALUES
  ('k', 'RS256', :'weak_rsa', 'previous', 'RSA of 1,024 bits'),
  ('k', 'ES256', :'p384', 'previous', 'P-384 for ES256'),
  ('k', 'RS256', :'p256', 'previous', 'an EC key for RS256'),
  ('k', 'EdDSA', :'p256', 'previous', 'an EC key for EdDSA'),
  ('k', 'ES256', 'not a PEM', 'previous', 'what is no key'),
  ('k', 'HS256', repeat('s', 31), 'previous', 'a secret of 31 bytes'),
  ('k', 'ES256', :'p256', 'active', 'a public key that is to sign'),
  ('../k', 'ES256', :'p256', 'previous', 'a kid with a slash'),
  ('', 'ES256', :'p256', 'previous', 'an empty kid')
) AS t(kid, alg, key, status, name);
SELECT throws_ok(format('SELECT auth.import_signing_key(%L, %L, %L, %L)', 'k', 'ES256', :'p256', 'retired'), 'VY422', NULL, 'import refuses an unknown status');
SELECT is(auth.import_signing_key('public-only', 'ES256', :'p256'), 'public-only', 'a public key is imported');
SELECT auth.import_signing_key('legacy', 'HS256', 'canary-secret-of-the-test-7c0ffee1') \g /dev/null

-- What the world sees.
SELECT is(key, '{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
           "alg": "ES256", "kid": "public-only", "use": "sig", "key_ops": ["verify"]}'::jsonb, 'the JWK equals that of RFC 7515 A.3')
  FROM jsonb_array_elements(auth.jwks() -> 'keys') AS key WHERE key ->> 'kid' = 'public-only';
SELECT is((SELECT count(*) FROM jsonb_array_elements(auth.jwks() -> 'keys') AS key WHERE key ->> 'kid' = 'legacy' OR key ->> 'kty' = 'oct' OR key ?| '{d,k,p,q}'),
          0::bigint, 'no secret key is published');
RESET ROLE;
SELECT results_eq($$SELECT status, headers ->> 'content-type', headers ->> 'cache-control', json FROM test.call('GET', '/auth/v1/.well-known/jwks.json')$$,
                  $$SELECT 200, 'application/json', 'public, max-age=600', auth.jwks()$$, 'anybody may fetch the public keys');

-- Errors under /auth/v1 in GoTrue's two shapes.
SELECT results_eq($$SELECT status, json, headers ->> 'x-sb-error-code' FROM test.call('GET', '/auth/v1/.well-known/jwks.json', NULL::text, '{"authorization": "Bearer x"}')$$,
                  $$SELECT 401, '{"code": 401, "error_code": "bad_jwt", "msg": "the token is malformed"}'::jsonb, 'bad_jwt'$$, 'an error without an API version');
SELECT results_eq($$SELECT status, json, headers ->> 'x-supabase-api-version' FROM test.call('GET', '/auth/v1/.well-known/jwks.json', NULL::text,
                    '{"authorization": "Bearer x", "x-supabase-api-version": "2024-01-01"}')$$,
                  $$SELECT 401, '{"code": "bad_jwt", "message": "the token is malformed"}'::jsonb, '2024-01-01'$$, 'an error with one');

-- Who may.
SELECT is((SELECT count(*) FROM unnest('{anon,authenticated,vyricon_shim,vyricon_worker}'::text[]) AS role,
                   unnest('{auth.jwks(),"auth.rotate_signing_key(interval)","auth.create_signing_key(text,boolean,interval)","auth.revoke_signing_key(text)",
                            "auth.import_signing_key(text,text,text,text,timestamptz)"}'::text[]) AS f(function)
            WHERE has_function_privilege(role, function, 'EXECUTE')), 0::bigint, 'nobody but service_role may touch signing keys');
SET LOCAL ROLE service_role;
SELECT throws_ok('SELECT * FROM auth.signing_keys', '42501', NULL, 'not even service_role reads the table');

SELECT * FROM finish();
ROLLBACK;
