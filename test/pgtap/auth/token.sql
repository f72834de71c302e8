-- token.sql: which tokens are believed, and why others are not. The keys and tokens are those of vectors.psql.
BEGIN;
SELECT plan(163);

CREATE ROLE token_editor NOLOGIN;
CREATE ROLE token_chief NOLOGIN SUPERUSER;
SET LOCAL vyricon.token_roles = 'token_editor, token_chief, vyricon_owner, token_missing';
SET LOCAL vyricon.jwt_audience = 'authenticated, mobile';

\ir vectors.psql
SET LOCAL ROLE service_role;

SELECT is(test.verdict(token), want, name) FROM (VALUES
  (:'es256', 'valid', 'ES256 by kid'),
  (:'eddsa', 'valid', 'EdDSA by kid'),
  (:'rs256', 'valid', 'RS256 by kid'),
  (test.hs256('{"alg":"HS256","kid":"shared","typ":"JWT"}', test.dated('{"exp":@soon}'), :'secret'), 'valid', 'HS256 by kid'),
  (auth.sign_jwt('{"exp": 4102444800}'), 'valid', 'what the active key signed'),
  (:'rfc_es256', 'the token has expired', 'the signature of RFC 7515 A.3 is right, without a kid'),
  (:'rfc_rs256', 'the token has expired', 'the signature of RFC 7515 A.2 is right, without a kid'),
  (:'rfc_eddsa', 'the token is malformed', 'the signature of RFC 8037 A.4 is right, but it signs no claims'),
  (overlay(:'rfc_es256' PLACING 'E' FROM 140 FOR 1), 'the token''s signature is invalid', 'security item 35: A.3 with one letter changed'),
  (overlay(:'rfc_rs256' PLACING 'x' FROM 140 FOR 1), 'the token''s signature is invalid', 'security item 35: A.2 with one letter changed'),
  (overlay(:'rfc_eddsa' PLACING 'x' FROM 60 FOR 1), 'the token''s signature is invalid', 'security item 35: A.4 with one letter changed'),
  (:'es256_der', 'the token''s signature is invalid', 'security item 35: ES256 with a signature in DER'),
  (:'rs256_pss', 'the token''s signature is invalid', 'security item 35: RS256 with PSS padding'),
  (left(:'es256', -1), 'the token is malformed', 'security item 35: a signature cut in the middle of a byte'),
  (left(:'eddsa', -2) || 'A', 'the token is malformed', 'security item 35: a signature of half a byte too few'),
  (overlay(left(:'es256', -2) PLACING 'A' FROM length(:'es256') - 2), 'the token''s signature is invalid', 'security item 35: a signature that is a byte short'),
  (split_part(:'es256', '.', 1) || '.' || split_part(:'es256', '.', 2) || '.' || repeat('A', 86), 'the token''s signature is invalid',
   'security item 35: ES256 with r = s = 0'),
  (split_part(:'es256', '.', 1) || '.' || split_part(:'es256', '.', 2) || '.', 'the token is malformed', 'security item 35: an empty signature'),
  (split_part(:'es256', '.', 1) || '.' || split_part(:'es256', '.', 2), 'the token is malformed', 'security item 35: two parts'),
  (:'es256' || '.', 'the token is malformed', 'four parts'),
  ('..', 'the token is malformed', 'nothing but dots'),
  ('', 'the token is malformed', 'an empty token'),
  (:'es256' || '==', 'the token is malformed', 'security item 40: padding'),
  (replace(:'es256', '.', E'.\r\n'), 'the token is malformed', 'security item 40: line breaks'),
  (:'es256' || ' ', 'the token is malformed', 'security item 40: a blank at the end'),
  (left(:'es256', -1) || 'R', 'the token is malformed', 'security item 40: trailing bits that are not zero'),
  (translate(:'eddsa', '-_', '+/'), 'the token is malformed', 'security item 40: the alphabet of plain base64')
) AS t(token, want, name);

-- Headers, each signed rightly with the shared secret.
SELECT is(test.short(test.verdict(test.hs256(header, test.dated('{"exp":@soon}'), :'secret'))), want, coalesce('security item ' || item || ': ', '') || 'header ' || header) FROM (VALUES
  (NULL::int, '{"alg":"HS256"}', 'valid'),
  (38, '{"alg":"HS256","typ":"jwt"}', 'valid'),
  (38, '{"alg":"HS256","typ":"at+jwt"}', 'valid'),
  (NULL, '{"alg":"HS256","kid":"\u0073hared"}', 'valid'),
  (38, '{"alg":"HS256","typ":"JOSE"}', 'malformed'),
  (38, '{"alg":"HS256","typ":"refresh+jwt"}', 'malformed'),
  (38, '{"alg":"HS256","typ":1}', 'malformed'),
  (35, '{"alg":"none"}', 'signed with an unknown key'),
  (35, '{"alg":"None"}', 'signed with an unknown key'),
  (35, '{"alg":"nOnE"}', 'signed with an unknown key'),
  (35, '{"alg":""}', 'signed with an unknown key'),
  (35, '{"alg":null}', 'signed with an unknown key'),
  (35, '{"alg":["HS256"]}', 'signed with an unknown key'),
  (35, '{"alg":"HS512"}', 'signed with an unknown key'),
  (35, '{"alg":"hs256"}', 'signed with an unknown key'),
  (35, '{"typ":"JWT"}', 'signed with an unknown key'),
  (35, '{"alg":"RS256","kid":"shared"}', 'signed with an unknown key'),
  (35, '{"alg":"ES256","kid":"rfc-ec"}', 'the token''s signature is invalid'),
  (35, '{"alg":"HS256","kid":"rfc-rsa"}', 'signed with an unknown key'),
  (NULL, '{"alg":"HS256","kid":"other"}', 'signed with an unknown key'),
  (NULL, '{"alg":"HS256","kid":""}', 'signed with an unknown key'),
  (NULL, '{"alg":"HS256","kid":7}', 'signed with an unknown key'),
  (36, '{"alg":"HS256","kid":"../../dev/null"}', 'signed with an unknown key'),
  (36, '{"alg":"HS256","kid":"'' or 1=1 --"}', 'signed with an unknown key'),
  (39, '{"alg":"HS256","alg":"HS256"}', 'malformed'),
  (39, '{"alg":"none","\u0061lg":"HS256"}', 'malformed'),
  (39, '{"alg":"HS256","crit":["exp"]}', 'malformed'),
  (39, '{"alg":"HS256","crit":[]}', 'malformed'),
  (39, '{"alg":"HS256","crit":["b64"],"b64":false}', 'malformed'),
  (36, '{"alg":"HS256","jku":"https://keys.example/jwks.json"}', 'malformed'),
  (36, '{"alg":"HS256","x5u":"https://keys.example/cert.pem"}', 'malformed'),
  (36, '{"alg":"HS256","x5c":["MIIB"]}', 'malformed'),
  (36, '{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}', 'malformed'),
  (36, '{"alg":"HS256","jw\u006b":null}', 'malformed'),
  (NULL, '["alg","HS256"]', 'malformed'),
  (NULL, '{"alg":"HS256",}', 'malformed'),
  (NULL, '{"alg":"HS256"} x', 'malformed'),
  (NULL, '"HS256"', 'malformed')
) AS t(item, header, want);
SELECT is(test.short(test.verdict(test.hs256(format('{"alg":"HS256","kid":"%s"}', repeat('k', 4000)), '{}', :'secret'))), 'signed with an unknown key',
          'security item 36: a kid of 4,000 letters');
SELECT is(test.short(test.verdict(test.hs256(header, test.dated('{"exp":@soon}'), :'own_rsa_pem'))), want, name) FROM (VALUES
  ('{"alg":"HS256","kid":"own-rsa"}', 'signed with an unknown key', 'security item 35: HS256 keyed with the RSA public key, by kid'),
  ('{"alg":"HS256"}', 'the token''s signature is invalid', 'security item 35: HS256 keyed with the RSA public key, without kid')
) AS t(header, want, name);

-- Claims, each signed rightly.
SELECT is(test.short(test.verdict(test.hs256('{"alg":"HS256"}', test.dated(claims), :'secret'))), want, coalesce('security item ' || item || ': ', '') || 'claims ' || claims) FROM (VALUES
  (37, '{"exp":@soon}', 'valid'),
  (37, '{"exp":@soon.75}', 'valid'),
  (37, '{"exp":@just}', 'valid'),
  (37, '{"exp":@gone}', 'has expired'),
  (37, '{"exp":@past}', 'has expired'),
  (37, '{}', 'claims'),
  (37, '{"exp":null}', 'claims'),
  (37, '{"exp":"@soon"}', 'claims'),
  (37, '{"exp":[@soon]}', 'claims'),
  (37, '{"exp":true}', 'claims'),
  (37, '{"exp":1e400}', 'claims'),
  (37, '{"exp":1e10}', 'claims'),
  (37, '{"exp":-1}', 'claims'),
  (37, '{"exp":99999999999999999999}', 'claims'),
  (37, '{"exp":253402300800}', 'claims'),
  (37, '{"exp":253402300799}', 'valid'),
  (37, '{"exp":0}', 'has expired'),
  (39, '{"exp":@soon,"exp":@soon}', 'malformed'),
  (39, '{"exp":@past,"\u0065xp":@soon}', 'malformed'),
  (37, '{"exp":@soon,"nbf":@past,"iat":@past}', 'valid'),
  (37, '{"exp":@soon,"nbf":@ahead,"iat":@ahead}', 'valid'),
  (37, '{"exp":@soon,"nbf":@later}', 'not valid yet'),
  (37, '{"exp":@soon,"iat":@later}', 'not valid yet'),
  (37, '{"exp":@soon,"nbf":"@past"}', 'claims'),
  (37, '{"exp":@soon,"iat":null}', 'claims'),
  (38, '{"exp":@soon,"aud":"authenticated"}', 'valid'),
  (38, '{"exp":@soon,"aud":"mobile"}', 'valid'),
  (38, '{"exp":@soon,"aud":["other","mobile"]}', 'valid'),
  (38, '{"exp":@soon,"aud":"authenticated,mobile"}', 'meant for another audience'),
  (38, '{"exp":@soon,"aud":""}', 'meant for another audience'),
  (38, '{"exp":@soon,"aud":[]}', 'meant for another audience'),
  (38, '{"exp":@soon,"aud":"Authenticated"}', 'meant for another audience'),
  (38, '{"exp":@soon,"aud":["mobile",1]}', 'claims'),
  (38, '{"exp":@soon,"aud":null}', 'claims'),
  (NULL, '{"exp":@soon,"role":"anon"}', 'valid'),
  (NULL, '{"exp":@soon,"role":"service_role"}', 'valid'),
  (NULL, '{"exp":@soon,"role":"token_editor"}', 'valid'),
  (NULL, '{"exp":@soon,"role":"token_chief"}', 'claims'),
  (NULL, '{"exp":@soon,"role":"token_missing"}', 'claims'),
  (NULL, '{"exp":@soon,"role":"postgres"}', 'claims'),
  (NULL, '{"exp":@soon,"role":"vyricon_owner"}', 'claims'),
  (NULL, '{"exp":@soon,"role":"vyricon_shim"}', 'claims'),
  (NULL, '{"exp":@soon,"role":"pg_read_all_data"}', 'claims'),
  (NULL, '{"exp":@soon,"role":""}', 'claims'),
  (NULL, '{"exp":@soon,"role":"anon\u0000"}', 'malformed'),
  (NULL, '{"exp":@soon,"role":["anon"]}', 'claims'),
  (NULL, '{"exp":@soon,"sub":1}', 'claims'),
  (NULL, '{"exp":@soon,"sub":"no-uuid"}', 'valid'),
  (NULL, '{"exp":@soon,"email":{}}', 'claims'),
  (NULL, '[{"exp":@soon}]', 'malformed'),
  (NULL, '{"exp":@soon', 'malformed'),
  (NULL, '{"exp":@soon}{}', 'malformed'),
  (37, '{"exp":0x7FFFFFFF}', 'malformed')
) AS t(item, claims, want);
SELECT is(test.short(test.verdict(test.hs256('{"alg":"HS256"}', test.dated('{"exp":@soon,"x":' || x || '}'), :'secret'))), want, name) FROM (VALUES
  (repeat('[', 31) || repeat(']', 31), 'valid', 'security item 39: claims 32 levels deep'),
  (repeat('[', 32) || repeat(']', 32), 'malformed', 'security item 39: claims 33 levels deep'),
  (repeat('[', 2500) || repeat(']', 2500), 'malformed', 'security item 39: claims 2,500 levels deep'),
  ('"' || repeat('x', 5000) || '"', 'valid', 'security item 39: a token of 6.9 KiB'),
  ('"' || repeat('x', 6200) || '"', 'malformed', 'security item 39: a token of more than 8 KiB'),
  ('"' || repeat('x', 1000000) || '"', 'malformed', 'security item 39: a token of a megabyte')
) AS t(x, want, name);
SELECT is(test.verdict(test.b64url('\x7b22616c67223a224853323536227d') || '.' || test.b64url('\x7b22657870223a22c0af227d') || '.' || repeat('A', 43)),
          'the token''s signature is invalid', 'claims are not read before the signature is checked');

-- The issuer, when the setting names one.
RESET ROLE;
SET LOCAL vyricon.jwt_issuer = 'https://id.example/auth/v1';
SET LOCAL ROLE service_role;
SELECT is(test.short(test.verdict(test.hs256('{"alg":"HS256"}', test.dated(claims), :'secret'))), want, 'security item 38: issuer: claims ' || claims) FROM (VALUES
  ('{"exp":@soon,"iss":"https://id.example/auth/v1"}', 'valid'),
  ('{"exp":@soon,"iss":"https:\/\/id.example\/auth\/v1"}', 'valid'),
  ('{"exp":@soon,"iss":"https://id.example/auth/v1/"}', 'comes from another issuer'),
  ('{"exp":@soon,"iss":["https://id.example/auth/v1"]}', 'claims'),
  ('{"exp":@soon}', 'comes from another issuer')
) AS t(claims, want);
SELECT is(test.verdict(:'es256'), 'the token comes from another issuer', 'a token that was believed before the setting changed');
RESET ROLE;
SET LOCAL vyricon.jwt_issuer = '';

-- What was believed is doubted again when its grounds change.
SET LOCAL ROLE service_role;
SELECT is(test.verdict(:'es256'), 'valid', 'believed again under the old setting');
SELECT auth.sign_jwt('{"exp": 4102444800, "role": "token_editor"}') AS editor \gset
SELECT is(test.verdict(:'editor'), 'valid', 'a token of a role of vyricon.token_roles');
RESET ROLE;
ALTER ROLE token_editor SUPERUSER;
SET LOCAL ROLE service_role;
SELECT is(test.short(test.verdict(:'editor')), 'claims', 'its role has become a superuser');
RESET ROLE;
DROP ROLE token_editor;
SET LOCAL ROLE service_role;
SELECT is(test.short(test.verdict(:'editor')), 'claims', 'its role has been dropped');
SELECT is(auth.verify_jwt(:'es256') ->> 'sub', '6d0a1f2e-5b1c-4a53-9f0e-0c1d2e3f4a5b', 'the claims come back');
SELECT is((SELECT count(DISTINCT auth.verify_jwt(auth.sign_jwt(jsonb_build_object('exp', 4102444800, 'sub', i::text))) ->> 'sub')
             FROM generate_series(1, 3000) AS i), 3000::bigint, '3,000 tokens in one transaction are told apart');
SELECT is(test.verdict(:'rs256'), 'valid', 'and an older one is still believed');

-- Who may.
SELECT throws_ok('SELECT auth.sign_jwt(''[1]'')', 'VY422', 'claims must be a JSON object', 'only an object is signed');
SELECT throws_ok($$SELECT auth.sign_jwt(jsonb_build_object('x', repeat('x', 9000)))$$, 'VY413', NULL, 'a token that nobody would take is not signed');
RESET ROLE;
SELECT is(has_function_privilege(role, function, 'EXECUTE'), may, format('%s %s call %s', role, CASE WHEN may THEN 'may' ELSE 'may not' END, function))
  FROM (VALUES ('anon', false), ('authenticated', false), ('vyricon_shim', false), ('vyricon_worker', false), ('service_role', true)) AS r(role, may),
       unnest('{auth.sign_jwt(jsonb),auth.verify_jwt(text)}'::text[]) AS f(function);
SELECT is(has_function_privilege(role, 'vyricon.token(text, interval)', 'EXECUTE'), false, role || ' may not call vyricon.token()')
  FROM unnest('{anon,authenticated,vyricon_shim,vyricon_worker,service_role}'::text[]) AS role;

-- vyricon.token()
INSERT INTO auth.users (id, email, role, is_sso_user, banned_until, deleted_at) VALUES
  ('6d0a1f2e-5b1c-4a53-9f0e-0c1d2e3f4a01', 'token-user@example.com', 'authenticated', false, NULL, NULL),
  ('6d0a1f2e-5b1c-4a53-9f0e-0c1d2e3f4a02', 'token-banned@example.com', '', false, 'infinity', NULL),
  ('6d0a1f2e-5b1c-4a53-9f0e-0c1d2e3f4a03', 'token-deleted@example.com', '', false, NULL, now());
CREATE FUNCTION test.token_outcome(email text, expires_in interval DEFAULT '1 hour') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  claims jsonb;
BEGIN
  claims := auth.verify_jwt(vyricon.token(email, expires_in));
  RETURN jsonb_build_object('seconds', (claims ->> 'exp')::bigint - (claims ->> 'iat')::bigint) || (claims - 'iat' - 'exp');
EXCEPTION WHEN SQLSTATE 'VY403' OR SQLSTATE 'VY404' THEN
  RETURN SQLSTATE;
END $$;
SELECT is(test.token_outcome(email, expires_in), CASE current_setting('vyricon.dev') WHEN 'on' THEN want ELSE 'VY403' END,
          format('%s asks for a token while vyricon.dev is %s', email, current_setting('vyricon.dev')))
  FROM (VALUES
    ('Token-User@example.com', '2 hours'::interval, jsonb_build_object('sub', '6d0a1f2e-5b1c-4a53-9f0e-0c1d2e3f4a01', 'role', 'authenticated',
      'email', 'token-user@example.com', 'aud', 'authenticated', 'seconds', 7200)::text),
    ('token-banned@example.com', '1 hour', 'VY404'), ('token-deleted@example.com', '1 hour', 'VY404'), ('token-nobody@example.com', '1 hour', 'VY404')
  ) AS t(email, expires_in, want);
GRANT EXECUTE ON FUNCTION vyricon.token(text, interval) TO service_role;
SET LOCAL ROLE service_role;
SELECT is(test.token_outcome('token-user@example.com'), 'VY403', 'only a superuser is handed a token, whatever was granted');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
