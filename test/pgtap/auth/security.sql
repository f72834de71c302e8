-- security.sql: items of the security checklist about tokens and secrets, beyond the rows of token.sql: each refusal in every spelling of it.
BEGIN;
SELECT plan(84);
SET LOCAL vyricon.jwt_audience = 'authenticated, mobile';
\ir vectors.psql
SELECT convert_from(convert_to(:'own_rsa_pem', 'UTF8'), 'UTF8') AS rsa, :'rfc_ec_pem' AS ec \gset

CREATE FUNCTION test.from_b64url(part text) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT decode(rpad(translate(part, '-_', '+/'), (length(part) + 3) / 4 * 4, '='), 'base64') $$;
-- A token with another signature, or another header, than it was made with.
CREATE FUNCTION test.resigned(token text, signature bytea) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT split_part(token, '.', 1) || '.' || split_part(token, '.', 2) || '.' || test.b64url(signature) $$;
CREATE FUNCTION test.reheaded(token text, header text, signature bytea) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT test.b64url(convert_to(header, 'UTF8')) || '.' || split_part(token, '.', 2) || '.' || test.b64url(signature) $$;
CREATE FUNCTION test.der(pem text) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT decode(regexp_replace(pem, '-----[A-Z ]+-----', '', 'g'), 'base64') $$;
-- Which of the tokens are believed: none, when all is well.
CREATE FUNCTION test.believed(tokens text[]) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT count(*) || ' tried, ' || count(*) FILTER (WHERE test.verdict(t) = 'valid') || ' believed' FROM unnest(tokens) AS t $$;
SELECT is(test.verdict(:'es256') || test.verdict(:'rs256') || test.verdict(:'eddsa') || test.verdict(test.hs256('{"alg":"HS256","kid":"shared"}', test.dated('{"exp":@soon}'), :'secret')),
          'validvalidvalidvalid', 'security item 35: the four tokens that the others are made of are believed');

-- 35: no algorithm, somebody else's algorithm, a public key as the secret, and signatures that are none.
SELECT is((SELECT test.believed(array_agg(test.reheaded(token, format('{"alg":%s%s}', to_json(alg), kid), signature)))
             FROM unnest('{none,None,NONE,nOnE,noNe,"none "," none",no,null,"",HS0,plain}'::text[]) AS alg,
                  unnest(ARRAY[:'es256', :'rs256', :'eddsa']) AS token, unnest(ARRAY['', ',"kid":"rfc-ec"', ',"kid":"own-rsa"', ',"kid":"shared"']) AS kid,
                  unnest(ARRAY['', '\x00', test.from_b64url(split_part(token, '.', 3))]) AS signature), '432 tried, 0 believed', 'security item 35: alg none in every spelling, for every key, with and without a signature');
SELECT is((SELECT test.believed(array_agg(rtrim(test.reheaded(token, header, ''), '.'))) FROM unnest(ARRAY[:'es256', :'rs256', :'eddsa']) AS token,
             unnest(ARRAY['{"alg":"none"}', '{"alg":"HS256"}', '{"alg":"ES256","kid":"rfc-ec"}']) AS header), '9 tried, 0 believed', 'security item 35: no third part at all');
SELECT is((SELECT test.believed(array_agg(test.signed(test.b64url(convert_to(header, 'UTF8')) || '.' || split_part(:'es256', '.', 2), key)))
             FROM unnest(ARRAY['{"alg":"HS256"}', '{"alg":"HS256","kid":"own-rsa"}', '{"alg":"HS256","kid":"rfc-ec"}', '{"alg":"HS256","kid":"shared"}',
                               '{"alg":"RS256","kid":"own-rsa"}', '{"alg":"ES256","kid":"rfc-ec"}']) AS header,
                  unnest(ARRAY[convert_to(:'rsa', 'UTF8'), convert_to(:'rsa' || E'\n', 'UTF8'), convert_to(replace(:'rsa', E'\n', E'\r\n'), 'UTF8'), test.der(:'rsa'),
                               convert_to(:'ec', 'UTF8'), convert_to(:'ec' || E'\n', 'UTF8'), test.der(:'ec'), substr(test.der(:'ec'), 27), substr(test.der(:'ec'), 28),
                               '', '\x00', repeat('\x00'::text, 1)::bytea]) AS key), '72 tried, 0 believed', 'security item 35: HS256 keyed with a public key as PEM, DER or point, and with nothing');
SELECT is((SELECT test.believed(array_agg(test.reheaded(:'es256', format('{"alg":"%s","kid":"%s"}', alg, kid), signature)))
             FROM unnest('{ES256,RS256,EdDSA,HS256,RS384,RS512,PS256,ES384,ES512,ES256K,HS384,HS512,Ed448,es256}'::text[]) AS alg,
                  unnest('{rfc-ec,own-rsa,rfc-ed,rfc-rsa,shared}'::text[]) AS kid,
                  unnest(ARRAY[test.from_b64url(split_part(:'es256', '.', 3)), test.from_b64url(split_part(:'rs256', '.', 3)), test.from_b64url(split_part(:'eddsa', '.', 3))]) AS signature
            WHERE NOT (alg = 'ES256' AND kid = 'rfc-ec')), '207 tried, 0 believed', 'security item 35: another algorithm than the key''s');
SELECT is((SELECT test.believed(array_agg(test.resigned(token, substr(signature, 1, n)))) FROM generate_series(0, octet_length(signature) - 1) AS n),
          octet_length(signature) || ' tried, 0 believed', format('security item 35: %s with its signature cut at every byte', name))
  FROM (VALUES (:'es256', 'ES256'), (:'rs256', 'RS256'), (:'eddsa', 'EdDSA')) AS t(token, name), test.from_b64url(split_part(token, '.', 3)) AS signature;
SELECT is((SELECT test.believed(array_agg(test.resigned(token, other))) FROM unnest(ARRAY[signature || '\x00', '\x00' || signature, signature || signature, '\x0000' || signature, substr(signature, 2)]) AS other),
          '5 tried, 0 believed', format('security item 35: %s with a signature of another length', name))
  FROM (VALUES (:'es256', 'ES256'), (:'rs256', 'RS256'), (:'eddsa', 'EdDSA')) AS t(token, name), test.from_b64url(split_part(token, '.', 3)) AS signature;
SELECT is((SELECT test.believed(array_agg(test.resigned(token, set_bit(signature, at, 1 - get_bit(signature, at))))) FROM generate_series(0, 8 * octet_length(signature) - 1, 3) AS at),
          (8 * octet_length(signature) + 2) / 3 || ' tried, 0 believed', format('security item 35: %s with a bit of its signature flipped', name))
  FROM (VALUES (:'es256', 'ES256'), (:'rs256', 'RS256'), (:'eddsa', 'EdDSA')) AS t(token, name), test.from_b64url(split_part(token, '.', 3)) AS signature;
\set order ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
\set prime ffffffff00000001000000000000000000000000ffffffffffffffffffffffff
SELECT is((SELECT test.believed(array_agg(test.resigned(:'es256', r || s)))
             FROM unnest(ARRAY[substr(good, 1, 32), decode(repeat('00', 32), 'hex'), decode(repeat('00', 31) || '01', 'hex'), decode(:'order', 'hex'), decode(:'prime', 'hex'), decode(repeat('ff', 32), 'hex')]) AS r,
                  unnest(ARRAY[substr(good, 33), decode(repeat('00', 32), 'hex'), decode(repeat('00', 31) || '01', 'hex'), decode(:'order', 'hex'), decode(repeat('ff', 32), 'hex')]) AS s
            WHERE r || s <> good), '29 tried, 0 believed', 'security item 35: ES256 with r and s of 0, 1, the order and beyond') FROM test.from_b64url(split_part(:'es256', '.', 3)) AS good;
SELECT is((SELECT test.believed(array_agg(test.resigned(:'rs256', s))) FROM unnest(ARRAY[decode(repeat('00', 256), 'hex'), decode(repeat('00', 255) || '01', 'hex'),
             substr(test.der(:'rsa'), 34, 256), decode(repeat('ff', 256), 'hex')]) AS s), '4 tried, 0 believed', 'security item 35: RS256 with 0, 1, the modulus and beyond');
SELECT is((SELECT test.believed(array_agg(test.resigned(:'es256', d))) FROM unnest(ARRAY[
             '\x3044'::bytea || '\x0220' || substr(good, 1, 32) || '\x0220' || substr(good, 33), '\x308144'::bytea || '\x0220' || substr(good, 1, 32) || '\x0220' || substr(good, 33),
             '\x3046'::bytea || '\x022100' || substr(good, 1, 32) || '\x022100' || substr(good, 33), '\x3006020100020100']) AS d), '4 tried, 0 believed',
          'security item 35: ES256 with signatures in DER') FROM test.from_b64url(split_part(:'es256', '.', 3)) AS good;

-- 36: what a header points to is not looked at; each is signed rightly.
SELECT is(test.verdict(test.hs256(format('{"alg":"HS256","%s":%s}', name, value), test.dated('{"exp":@soon}'), :'secret')), 'the token is malformed', format('security item 36: %s %s', name, value))
  FROM unnest('{jku,x5u,jwk,x5c}'::text[]) AS name, unnest(ARRAY['"https://127.0.0.1:1/keys"', 'null', '{}', '[]', '""']) AS value;
SELECT is((SELECT test.believed(array_agg(test.hs256(format('{"alg":"HS256","kid":%s}', to_json(kid)), test.dated('{"exp":@soon}'), :'secret'))) FROM unnest(ARRAY['../../../../dev/null', '/dev/null',
            ''' OR ''1''=''1', 'shared'' --', 'shared"', 'SHARED', 'shared ', ' shared', 'share', 'sharedd', '%', '_hared', '$1', '|id', 'file:///etc/passwd', repeat('k', 1048576)]) AS kid),
          '16 tried, 0 believed', 'security item 36: a kid that is a path, SQL, a pattern, nearly right or a megabyte');
SELECT is(test.verdict(test.hs256('{"alg":"HS256","kid":"shared\u0000"}', test.dated('{"exp":@soon}'), :'secret')), 'the token is malformed', 'security item 36: a kid with a NUL');

-- 37: times of other types than numbers, and numbers that are no times.
SELECT is((SELECT string_agg(value || ' ' || test.verdict(token), ', ') FROM unnest(ARRAY['"1"', '""', 'null', 'true', 'false', '{}', '[]', '[4102444800]', '"4102444800"', '"Infinity"', '1e400', '-1e400', '1e308', '-1']) AS value,
             LATERAL test.hs256('{"alg":"HS256"}', test.dated(CASE name WHEN 'exp' THEN format('{"exp":%s}', value) ELSE format('{"exp":@soon,"%s":%s}', name, value) END), :'secret') AS token
            WHERE test.verdict(token) NOT LIKE 'a claim of the token is missing%' AND NOT (value = '-1' AND name <> 'exp')), NULL, format('security item 37: %s of fourteen wrong kinds', name))
  FROM unnest('{exp,nbf,iat}'::text[]) AS name;
SELECT is((SELECT test.believed(array_agg(test.hs256('{"alg":"HS256"}', test.dated(claims), :'secret'))) FROM unnest(ARRAY['{"exp":NaN}', '{"exp":Infinity}', '{"exp":+4102444800}', '{"exp":04102444800}', '{"exp":0xF4865700}',
            '{"exp":4102444800.}', '{"exp":.4e10}', '{"EXP":4102444800}', '{"nested":{"exp":4102444800}}']) AS claims), '9 tried, 0 believed', 'security item 37: an exp that JSON does not know, and one in the wrong place');

-- 38: somebody else's token.
SELECT is((SELECT test.believed(array_agg(test.hs256('{"alg":"HS256"}', test.dated(format('{"exp":@soon,"aud":%s}', aud)), :'secret'))) FROM unnest(ARRAY['{}', '1', 'true', '[[]]', '["authenticated",null]', '[["authenticated"]]',
            '"authenticated "', '" authenticated"', '"authenticated\n"', '"AUTHENTICATED"', '"authenticate"', '"*"', '"authenticated, mobile"', '{"authenticated":1}']) AS aud), '14 tried, 0 believed', 'security item 38: an audience that is not ours, or nearly');
SELECT is((SELECT test.believed(array_agg(test.hs256(format('{"alg":"HS256","typ":%s}', typ), test.dated('{"exp":@soon}'), :'secret'))) FROM unnest(ARRAY['"refresh"', '"refresh+jwt"', '"mfa"', '"mfa+jwt"', '"JWE"', '"dpop+jwt"',
            '"id_token"', '"logout+jwt"', '"secevent+jwt"', 'null', '[]', '{}', '1', '["JWT"]', '""']) AS typ), '15 tried, 0 believed', 'security item 38: a token of another type');
SET LOCAL vyricon.jwt_issuer = 'https://id.example/auth/v1';
SELECT is((SELECT test.believed(array_agg(test.hs256('{"alg":"HS256"}', test.dated(format('{"exp":@soon,"iss":%s}', iss)), :'secret'))) FROM unnest(ARRAY['null', '1', '{}', '[]', '["https://id.example/auth/v1"]', '""',
            '"https://id.example/auth/v1/"', '"https://id.example/auth/v"', '"https://id.example/auth/v11"', '"http://id.example/auth/v1"', '"HTTPS://id.example/auth/v1"', '"https://id.example/auth/v1\u0000"',
            '"https://id.example.evil/auth/v1"', '" https://id.example/auth/v1"']) AS iss), '14 tried, 0 believed', 'security item 38: an issuer that is not ours, or nearly');
SET LOCAL vyricon.jwt_issuer = '';

-- 39: a name twice, in plain letters or escaped; something critical that we do not know; too deep; too long.
SELECT is(test.verdict(test.hs256('{"alg":"HS256"}', test.dated(format('{"exp":@soon,"%1$s":%2$s,"%3$s":%2$s}', name, value, again)), :'secret')), 'the token is malformed', format('security item 39: the claim %s twice, as %s', name, again))
  FROM (VALUES ('sub', '"a"'), ('role', '"anon"'), ('aud', '"authenticated"'), ('nbf', '1'), ('iat', '1'), ('own', '1')) AS t(name, value),
       LATERAL unnest(ARRAY[name, '\u00' || to_hex(ascii(name)) || substr(name, 2)]) AS again;
SELECT is((SELECT test.believed(array_agg(test.hs256(header, test.dated('{"exp":@soon}'), :'secret'))) FROM unnest(ARRAY['{"alg":"HS256","kid":"shared","kid":"shared"}', '{"alg":"HS256","typ":"JWT","typ":"JWT"}',
            '{"alg":"HS256","x":1,"\u0078":1}', '{"alg":"HS256","crit":["x"],"x":1}', '{"alg":"HS256","crit":["alg"]}', '{"alg":"HS256","crit":null}', '{"alg":"HS256","crit":"exp"}', '{"alg":"HS256","cri\u0074":["exp"]}',
            '{"alg":"HS256","b64":false,"crit":["b64"]}', '{"alg":"HS256","x":' || repeat('[', 40) || repeat(']', 40) || '}']) AS header), '10 tried, 0 believed', 'security item 39: names twice in the header, crit in all forms, a deep header');
SELECT is((SELECT test.believed(array_agg(test.hs256('{"alg":"HS256"}', test.dated('{"exp":@soon,"x":' || x || '}'), :'secret'))) FROM unnest(ARRAY[repeat('[', 10000) || repeat(']', 10000), repeat('{"a":', 10000) || '1' || repeat('}', 10000),
            repeat('[', 10000), '"' || repeat('x', 8192) || '"']) AS x), '4 tried, 0 believed', 'security item 39: 10,000 levels, closed or not, and more than 8 KiB');

-- 40: base64url in every form but the one; the signature is right for what is sent.
SELECT convert_to(:'secret', 'UTF8') AS key, test.b64url('{"alg":"HS256" }') AS header, test.b64url(convert_to(test.dated('{"exp":@soon,"x":"?>"}'), 'UTF8')) AS payload \gset
SELECT is(test.verdict(test.signed(:'header' || '.' || :'payload', :'key')), 'valid', 'security item 40: the parts that the others are made of are believed');
SELECT is(test.verdict(test.signed(format(form, :'header'::text, :'payload'::text), :'key')), 'the token is malformed', format('security item 40: signed as %s', to_json(form)))
  FROM unnest(ARRAY['%1$s=.%2$s', '%1$s==.%2$s', '%1$s.%2$s=', '%1$s.%2$s==', E'%1$s\n.%2$s', E'%1$s\r\n.%2$s', E'%1$s.%2$s\r\n', E'\n%1$s.%2$s', '%1$s .%2$s', '%1$s. %2$s', E'%1$s.\t%2$s',
                    '%1$sAAA.%2$s', '%1$s.%2$sA', '%1$s%%3D.%2$s', '.%1$s.%2$s', '%1$s..%2$s', '%1$s.']) AS form;
SELECT is(test.verdict(test.signed(overlay(text PLACING chr(ascii(substr(text, at)) + 1) FROM at FOR 1), :'key')), 'the token is malformed', 'security item 40: bits behind the last byte of the ' || name)
  FROM (SELECT :'header' || '.' || test.b64url(convert_to(rpad(doc, (length(doc) + 2) / 3 * 3 + 1), 'UTF8')) FROM test.dated('{"exp":@soon}') AS doc) AS t(text),
       LATERAL (VALUES (length(:'header'), 'header'), (length(text), 'payload')) AS v(at, name);
SELECT is(test.verdict(replace(test.signed(:'header' || '.' || :'payload', :'key'), old, new)), 'the token is malformed', 'security item 40: the letter ' || new) FROM (VALUES ('_', '/'), ('-', '+')) AS t(old, new)
 WHERE :'payload' LIKE '%\' || old || '%';

-- 74: every encryption has a nonce of its own, also of the same secret.
SELECT auth.import_signing_key('nonce-' || i, 'HS256', 'the same secret of the test, 32 bytes and more') FROM generate_series(1, 1000) AS i \g /dev/null
SELECT is(count(*) || ' ' || count(DISTINCT substr(value, 2, 12)) || ' ' || count(DISTINCT value), '1000 1000 1000', 'security item 74: 1,000 encryptions of one secret repeat no nonce')
  FROM vyricon.secrets WHERE name LIKE 'auth.signing\_key.nonce-%';

-- 77: a user's role looks wherever settings and statements show; the word is put together so that the search is not what it finds.
SELECT auth.import_signing_key('canary', 'HS256', 'canary-of-item-77-' || repeat('7c0ffee1', 4)) \g /dev/null
CREATE FUNCTION test.shows(place text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  hits bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM %s AS t WHERE strpos(t::text, concat(''canary-of-'', ''item-77-'')) > 0', place) INTO hits;
  RETURN hits;
EXCEPTION WHEN insufficient_privilege THEN
  RETURN '0';
END $$;
SET LOCAL ROLE authenticated;
SELECT set_config('test.shown', (SELECT string_agg(place || ' ' || test.shows(place), ', ') FILTER (WHERE test.shows(place) <> '0') FROM unnest('{pg_settings,pg_file_settings,pg_db_role_setting,pg_stat_activity,
  pg_prepared_statements,pg_cursors,pg_roles,pg_shadow,pg_authid,pg_statistic,pg_stats,pg_description,pg_shdescription,pg_proc,vyricon.secrets,auth.signing_keys,auth.api_keys,vyricon.stat_workers}'::text[]) AS place), true) \g /dev/null
RESET ROLE;
SELECT is(current_setting('test.shown'), '', 'security item 77: a user''s role finds no secret in any setting, statistic or catalogue');
SELECT is_empty($$ SELECT oid::regprocedure FROM pg_proc WHERE pronamespace IN ('auth'::regnamespace, 'vyricon'::regnamespace) AND proname ~ 'secret' AND has_function_privilege('authenticated', oid, 'EXECUTE') $$,
                'security item 77: no function hands one out');
SELECT * FROM finish();
ROLLBACK;
