-- token.sql: which tokens are believed, and why others are not. Keys and tokens named rfc come from RFC 7515 appendix A.2 and A.3 and RFC 8037
-- appendix A.4; those tokens end long ago or hold no claims, so a right signature shows by the refusal that comes after it.
BEGIN;
SELECT plan(163);

CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA public;
CREATE ROLE token_editor NOLOGIN;
CREATE ROLE token_chief NOLOGIN SUPERUSER;
SET LOCAL vyricon.token_roles = 'token_editor, token_chief, vyricon_owner, token_missing';
SET LOCAL vyricon.jwt_audience = 'authenticated, mobile';

\set own_rsa_pem '-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxrBkGwMrQ2REI544dmXS\n82fK/U1KJniNUfZnYORHGj2XONRwnuSVzLb/1bQtYnmhmm4Md17aiOHenDj+sYIm\nG0DnLkz1r9ruEOBHFScDbMp6CJU2t2z6kY8r9W67oOEWbdPZDypiNUvlOBx+JCF0\noSHw5xWc4Js5YWxNY3JYdnntDqO1UI9Y7MnZjH49FJeO3yoObU5qdFLgaRfQhF1z\nLZ8p26VNmL/zG9lt4AZ4MBrWLCXlXvZddSCqf/ga9pEkmFpV8qbOWBKpox+kL+B/\nbNEpHznjhI8cCwmR2e+9pEj+cHWVIcsZ5lFNAQYzsBDO2GBADjRmosa+czxDRCRL\nTwIDAQAB\n-----END PUBLIC KEY-----'
\set rfc_ec_pem '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n-----END PUBLIC KEY-----'
\set rfc_ed_pem '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----'
\set rfc_rsa_pem '-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJj\nNiuSfb4p4fAkd/wWJcyQoTbji9k0l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEz\nP1Pt0Bm4d4QlL+yRT+SFd2lZS+pCgNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo\n9wGzjb/7OMg0LOL+bSf63kpaSHSXndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTB\nEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxX\nFvUK+DWNmoudF8NAco9/h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXp\noQIDAQAB\n-----END PUBLIC KEY-----'
\set es256 'eyJhbGciOiJFUzI1NiIsImtpZCI6InJmYy1lYyIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI2ZDBhMWYyZS01YjFjLTRhNTMtOWYwZS0wYzFkMmUzZjRhNWIiLCJyb2xlIjoiYXV0aGVudGljYXRlZCIsImF1ZCI6ImF1dGhlbnRpY2F0ZWQiLCJlbWFpbCI6InZlY3RvckBleGFtcGxlLmNvbSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjo0MTAyNDQ0ODAwfQ.CA3mmnbowbHEbYJCZTwULTVGyJaWqpFieFnXGwSCycfVWcG48LJZl9zr6PZK0ilTPtyWwTQJP4iSlGor4ZuJaQ'
\set es256_der 'eyJhbGciOiJFUzI1NiIsImtpZCI6InJmYy1lYyIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI2ZDBhMWYyZS01YjFjLTRhNTMtOWYwZS0wYzFkMmUzZjRhNWIiLCJyb2xlIjoiYXV0aGVudGljYXRlZCIsImF1ZCI6ImF1dGhlbnRpY2F0ZWQiLCJlbWFpbCI6InZlY3RvckBleGFtcGxlLmNvbSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjo0MTAyNDQ0ODAwfQ.MEQCIDo4T1boXIAzutwYrxfLGietKL6VtqLowuYGU1yl2o6VAiBfLfmbGtH_rhZYPZDNZHq2jOHY3WF9AnyYLahx4jbSDg'
\set eddsa 'eyJhbGciOiJFZERTQSIsImtpZCI6InJmYy1lZCIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI2ZDBhMWYyZS01YjFjLTRhNTMtOWYwZS0wYzFkMmUzZjRhNWIiLCJyb2xlIjoiYXV0aGVudGljYXRlZCIsImF1ZCI6ImF1dGhlbnRpY2F0ZWQiLCJlbWFpbCI6InZlY3RvckBleGFtcGxlLmNvbSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjo0MTAyNDQ0ODAwfQ.6w1wDiaJZo22Rfi9DeYeOTxDyet1d6-lksphY0lLa69NO16NMLOX_MDuPY7xug41bSo6h7UIWYkg8xELUfd5Ag'
\set rs256 'eyJhbGciOiJSUzI1NiIsImtpZCI6Im93bi1yc2EiLCJ0eXAiOiJKV1QifQ.eyJzdWIiOiI2ZDBhMWYyZS01YjFjLTRhNTMtOWYwZS0wYzFkMmUzZjRhNWIiLCJyb2xlIjoiYXV0aGVudGljYXRlZCIsImF1ZCI6ImF1dGhlbnRpY2F0ZWQiLCJlbWFpbCI6InZlY3RvckBleGFtcGxlLmNvbSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjo0MTAyNDQ0ODAwfQ.rmX8ZVnveecrdbaF1CJyte-ltoXQXPm07NNmQSPMqy1rLItJSEkmn8E7ljZnh5vpIlDS5q7LV_1Nypn33x1FlLFN18iY4LREspIunfSt1PLUVABa-tDUMRhmZKbJWZBuu_bgrCUWUsog__PpHiN7TR3HOCScWY0YH_llgTkcndhGkemKgLG_WroVHSYeVfkb6SI3sqMO7Si8tDUGo1PksQTF7dNe_5R6DhfWxPDgys3VXd90AUB62-5L-FQnikmZafGQQlu5FWtv7DVdFDHBHpy8FKvzugtTWIiKqOgdF0Alc5zQzeaKtCQ-qjPBW-FKbEhVG2BQAfQp1dl6zWhJvw'
\set rs256_pss 'eyJhbGciOiJSUzI1NiIsImtpZCI6Im93bi1yc2EiLCJ0eXAiOiJKV1QifQ.eyJzdWIiOiI2ZDBhMWYyZS01YjFjLTRhNTMtOWYwZS0wYzFkMmUzZjRhNWIiLCJyb2xlIjoiYXV0aGVudGljYXRlZCIsImF1ZCI6ImF1dGhlbnRpY2F0ZWQiLCJlbWFpbCI6InZlY3RvckBleGFtcGxlLmNvbSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjo0MTAyNDQ0ODAwfQ.u1Tdn8CSOJZawqW3-o2jpYf9BvVUZH-9g8JFmF3jLD39TitwqRgQRQYoFkE4ahOYvXYbNV0QvFh6G9-FDQCug9-ZP7r5NDB3OgX9k_0z6R8yOyj8P6nKExH9Cvut9uBY2cTJDpGEe0bTmG6uxCysiKOXiQ8iSNmi2W4y0G84r4fSKWSwhHDtuMaGxiaj0d5MVpYKIURpLD8DZ02cm3pGtFw4Pwo3a-G81ZSDM_C2P4SJ2KcI-02eGAWMJyliBJQ0L5kI0Ltio8kyc2YzLm4xtJcjqI1iRP0FZqjEX1af-JrxfhQL-Z45EKmu6U2AZfwFoGBYAJBdEeTO-EN76GGq6Q'
\set rfc_es256 'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q'
\set rfc_rs256 'eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw'
\set rfc_eddsa 'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg'
\set secret 'a secret of the test, 32 bytes and more'

-- The tests run as service_role, who may import and verify.
SELECT auth.import_signing_key('rfc-ec', 'ES256', :'rfc_ec_pem'), auth.import_signing_key('rfc-ed', 'EdDSA', :'rfc_ed_pem'),
       auth.import_signing_key('rfc-rsa', 'RS256', :'rfc_rsa_pem'), auth.import_signing_key('own-rsa', 'RS256', :'own_rsa_pem'),
       auth.import_signing_key('shared', 'HS256', :'secret'), auth.create_signing_key() IS NOT NULL \g /dev/null

CREATE FUNCTION test.b64url(part bytea) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT rtrim(translate(encode(part, 'base64'), E'+/\n', '-_'), '=') $$;

-- An HS256 token of any header and payload, also of broken ones.
CREATE FUNCTION test.hs256(header text, payload text, secret text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT input || '.' || test.b64url(public.hmac(convert_to(input, 'UTF8'), convert_to(secret, 'UTF8'), 'sha256'))
    FROM concat_ws('.', test.b64url(convert_to(header, 'UTF8')), test.b64url(convert_to(payload, 'UTF8'))) AS input $$;

-- 'valid', or what is wrong.
CREATE FUNCTION test.verdict(token text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM auth.verify_jwt(token);
  RETURN 'valid';
EXCEPTION WHEN SQLSTATE 'VY401' THEN
  RETURN SQLERRM;
END $$;

-- Dates of a payload: @soon, @past ...
CREATE FUNCTION test.dated(payload text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT string_agg(CASE WHEN d.name IS NULL THEN piece ELSE (extract(epoch FROM now())::bigint + d.seconds)::text END, '' ORDER BY place)
    FROM regexp_split_to_table(regexp_replace(payload, '@([a-z]+)', '|@\1|', 'g'), '\|') WITH ORDINALITY AS p(piece, place)
    LEFT JOIN (VALUES ('@soon', 3600), ('@past', -3600), ('@just', -20), ('@gone', -31), ('@ahead', 20), ('@later', 300)) AS d(name, seconds)
      ON d.name = p.piece $$;

CREATE FUNCTION test.short(verdict text) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE WHEN verdict LIKE 'a claim of the token is missing%' THEN 'claims' ELSE replace(replace(verdict, 'the token is ', ''), 'the token ', '') END $$;

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
  (overlay(:'rfc_es256' PLACING 'E' FROM 140 FOR 1), 'the token''s signature is invalid', 'A.3 with one letter changed'),
  (overlay(:'rfc_rs256' PLACING 'x' FROM 140 FOR 1), 'the token''s signature is invalid', 'A.2 with one letter changed'),
  (overlay(:'rfc_eddsa' PLACING 'x' FROM 60 FOR 1), 'the token''s signature is invalid', 'A.4 with one letter changed'),
  (:'es256_der', 'the token''s signature is invalid', 'ES256 with a signature in DER'),
  (:'rs256_pss', 'the token''s signature is invalid', 'RS256 with PSS padding'),
  (left(:'es256', -1), 'the token is malformed', 'a signature cut in the middle of a byte'),
  (left(:'eddsa', -2) || 'A', 'the token is malformed', 'a signature of half a byte too few'),
  (overlay(left(:'es256', -2) PLACING 'A' FROM length(:'es256') - 2), 'the token''s signature is invalid', 'a signature that is a byte short'),
  (split_part(:'es256', '.', 1) || '.' || split_part(:'es256', '.', 2) || '.' || repeat('A', 86), 'the token''s signature is invalid',
   'ES256 with r = s = 0'),
  (split_part(:'es256', '.', 1) || '.' || split_part(:'es256', '.', 2) || '.', 'the token is malformed', 'an empty signature'),
  (split_part(:'es256', '.', 1) || '.' || split_part(:'es256', '.', 2), 'the token is malformed', 'two parts'),
  (:'es256' || '.', 'the token is malformed', 'four parts'),
  ('..', 'the token is malformed', 'nothing but dots'),
  ('', 'the token is malformed', 'an empty token'),
  (:'es256' || '==', 'the token is malformed', 'padding'),
  (replace(:'es256', '.', E'.\r\n'), 'the token is malformed', 'line breaks'),
  (:'es256' || ' ', 'the token is malformed', 'a blank at the end'),
  (left(:'es256', -1) || 'R', 'the token is malformed', 'trailing bits that are not zero'),
  (translate(:'eddsa', '-_', '+/'), 'the token is malformed', 'the alphabet of plain base64')
) AS t(token, want, name);

-- Headers, each signed rightly with the shared secret.
SELECT is(test.short(test.verdict(test.hs256(header, test.dated('{"exp":@soon}'), :'secret'))), want, 'header ' || header) FROM (VALUES
  ('{"alg":"HS256"}', 'valid'),
  ('{"alg":"HS256","typ":"jwt"}', 'valid'),
  ('{"alg":"HS256","typ":"at+jwt"}', 'valid'),
  ('{"alg":"HS256","kid":"\u0073hared"}', 'valid'),
  ('{"alg":"HS256","typ":"JOSE"}', 'malformed'),
  ('{"alg":"HS256","typ":"refresh+jwt"}', 'malformed'),
  ('{"alg":"HS256","typ":1}', 'malformed'),
  ('{"alg":"none"}', 'signed with an unknown key'),
  ('{"alg":"None"}', 'signed with an unknown key'),
  ('{"alg":"nOnE"}', 'signed with an unknown key'),
  ('{"alg":""}', 'signed with an unknown key'),
  ('{"alg":null}', 'signed with an unknown key'),
  ('{"alg":["HS256"]}', 'signed with an unknown key'),
  ('{"alg":"HS512"}', 'signed with an unknown key'),
  ('{"alg":"hs256"}', 'signed with an unknown key'),
  ('{"typ":"JWT"}', 'signed with an unknown key'),
  ('{"alg":"RS256","kid":"shared"}', 'signed with an unknown key'),
  ('{"alg":"ES256","kid":"rfc-ec"}', 'the token''s signature is invalid'),
  ('{"alg":"HS256","kid":"rfc-rsa"}', 'signed with an unknown key'),
  ('{"alg":"HS256","kid":"other"}', 'signed with an unknown key'),
  ('{"alg":"HS256","kid":""}', 'signed with an unknown key'),
  ('{"alg":"HS256","kid":7}', 'signed with an unknown key'),
  ('{"alg":"HS256","kid":"../../dev/null"}', 'signed with an unknown key'),
  ('{"alg":"HS256","kid":"'' or 1=1 --"}', 'signed with an unknown key'),
  ('{"alg":"HS256","alg":"HS256"}', 'malformed'),
  ('{"alg":"none","\u0061lg":"HS256"}', 'malformed'),
  ('{"alg":"HS256","crit":["exp"]}', 'malformed'),
  ('{"alg":"HS256","crit":[]}', 'malformed'),
  ('{"alg":"HS256","crit":["b64"],"b64":false}', 'malformed'),
  ('{"alg":"HS256","jku":"https://keys.example/jwks.json"}', 'malformed'),
  ('{"alg":"HS256","x5u":"https://keys.example/cert.pem"}', 'malformed'),
  ('{"alg":"HS256","x5c":["MIIB"]}', 'malformed'),
  ('{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}', 'malformed'),
  ('{"alg":"HS256","jw\u006b":null}', 'malformed'),
  ('["alg","HS256"]', 'malformed'),
  ('{"alg":"HS256",}', 'malformed'),
  ('{"alg":"HS256"} x', 'malformed'),
  ('"HS256"', 'malformed')
) AS t(header, want);
SELECT is(test.short(test.verdict(test.hs256(format('{"alg":"HS256","kid":"%s"}', repeat('k', 4000)), '{}', :'secret'))), 'signed with an unknown key',
          'a kid of 4,000 letters');
SELECT is(test.short(test.verdict(test.hs256(header, test.dated('{"exp":@soon}'), :'own_rsa_pem'))), want, name) FROM (VALUES
  ('{"alg":"HS256","kid":"own-rsa"}', 'signed with an unknown key', 'HS256 keyed with the RSA public key, by kid'),
  ('{"alg":"HS256"}', 'the token''s signature is invalid', 'HS256 keyed with the RSA public key, without kid')
) AS t(header, want, name);

-- Claims, each signed rightly.
SELECT is(test.short(test.verdict(test.hs256('{"alg":"HS256"}', test.dated(claims), :'secret'))), want, 'claims ' || claims) FROM (VALUES
  ('{"exp":@soon}', 'valid'),
  ('{"exp":@soon.75}', 'valid'),
  ('{"exp":@just}', 'valid'),
  ('{"exp":@gone}', 'has expired'),
  ('{"exp":@past}', 'has expired'),
  ('{}', 'claims'),
  ('{"exp":null}', 'claims'),
  ('{"exp":"@soon"}', 'claims'),
  ('{"exp":[@soon]}', 'claims'),
  ('{"exp":true}', 'claims'),
  ('{"exp":1e400}', 'claims'),
  ('{"exp":1e10}', 'claims'),
  ('{"exp":-1}', 'claims'),
  ('{"exp":99999999999999999999}', 'claims'),
  ('{"exp":253402300800}', 'claims'),
  ('{"exp":253402300799}', 'valid'),
  ('{"exp":0}', 'has expired'),
  ('{"exp":@soon,"exp":@soon}', 'malformed'),
  ('{"exp":@past,"\u0065xp":@soon}', 'malformed'),
  ('{"exp":@soon,"nbf":@past,"iat":@past}', 'valid'),
  ('{"exp":@soon,"nbf":@ahead,"iat":@ahead}', 'valid'),
  ('{"exp":@soon,"nbf":@later}', 'not valid yet'),
  ('{"exp":@soon,"iat":@later}', 'not valid yet'),
  ('{"exp":@soon,"nbf":"@past"}', 'claims'),
  ('{"exp":@soon,"iat":null}', 'claims'),
  ('{"exp":@soon,"aud":"authenticated"}', 'valid'),
  ('{"exp":@soon,"aud":"mobile"}', 'valid'),
  ('{"exp":@soon,"aud":["other","mobile"]}', 'valid'),
  ('{"exp":@soon,"aud":"authenticated,mobile"}', 'meant for another audience'),
  ('{"exp":@soon,"aud":""}', 'meant for another audience'),
  ('{"exp":@soon,"aud":[]}', 'meant for another audience'),
  ('{"exp":@soon,"aud":"Authenticated"}', 'meant for another audience'),
  ('{"exp":@soon,"aud":["mobile",1]}', 'claims'),
  ('{"exp":@soon,"aud":null}', 'claims'),
  ('{"exp":@soon,"role":"anon"}', 'valid'),
  ('{"exp":@soon,"role":"service_role"}', 'valid'),
  ('{"exp":@soon,"role":"token_editor"}', 'valid'),
  ('{"exp":@soon,"role":"token_chief"}', 'claims'),
  ('{"exp":@soon,"role":"token_missing"}', 'claims'),
  ('{"exp":@soon,"role":"postgres"}', 'claims'),
  ('{"exp":@soon,"role":"vyricon_owner"}', 'claims'),
  ('{"exp":@soon,"role":"vyricon_shim"}', 'claims'),
  ('{"exp":@soon,"role":"pg_read_all_data"}', 'claims'),
  ('{"exp":@soon,"role":""}', 'claims'),
  ('{"exp":@soon,"role":"anon\u0000"}', 'malformed'),
  ('{"exp":@soon,"role":["anon"]}', 'claims'),
  ('{"exp":@soon,"sub":1}', 'claims'),
  ('{"exp":@soon,"sub":"no-uuid"}', 'valid'),
  ('{"exp":@soon,"email":{}}', 'claims'),
  ('[{"exp":@soon}]', 'malformed'),
  ('{"exp":@soon', 'malformed'),
  ('{"exp":@soon}{}', 'malformed'),
  ('{"exp":0x7FFFFFFF}', 'malformed')
) AS t(claims, want);
SELECT is(test.short(test.verdict(test.hs256('{"alg":"HS256"}', test.dated('{"exp":@soon,"x":' || x || '}'), :'secret'))), want, name) FROM (VALUES
  (repeat('[', 31) || repeat(']', 31), 'valid', 'claims 32 levels deep'),
  (repeat('[', 32) || repeat(']', 32), 'malformed', 'claims 33 levels deep'),
  (repeat('[', 2500) || repeat(']', 2500), 'malformed', 'claims 2,500 levels deep'),
  ('"' || repeat('x', 5000) || '"', 'valid', 'a token of 6.9 KiB'),
  ('"' || repeat('x', 6200) || '"', 'malformed', 'a token of more than 8 KiB'),
  ('"' || repeat('x', 1000000) || '"', 'malformed', 'a token of a megabyte')
) AS t(x, want, name);
SELECT is(test.verdict(test.b64url('\x7b22616c67223a224853323536227d') || '.' || test.b64url('\x7b22657870223a22c0af227d') || '.' || repeat('A', 43)),
          'the token''s signature is invalid', 'claims are not read before the signature is checked');

-- The issuer, when the setting names one.
RESET ROLE;
SET LOCAL vyricon.jwt_issuer = 'https://id.example/auth/v1';
SET LOCAL ROLE service_role;
SELECT is(test.short(test.verdict(test.hs256('{"alg":"HS256"}', test.dated(claims), :'secret'))), want, 'issuer: claims ' || claims) FROM (VALUES
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
