-- A session in a cookie: who it is, and what only the user's own pages may do with it.
BEGIN;
SELECT plan(75);
CREATE TABLE public.csrf_notes (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id uuid NOT NULL DEFAULT auth.uid(), word text);
SELECT vyricon.expose('public.csrf_notes', owner => 'user_id');
CREATE FUNCTION public.csrf_whoami() RETURNS text LANGUAGE sql STABLE AS $$ SELECT coalesce(auth.email(), 'nobody') $$;
CREATE FUNCTION public.csrf_cookies() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('request.cookies') $$;

SELECT test.token('guide@example.com', '{"session_id":"one"}') AS token, test.token('guide@example.com', '{"session_id":"one","n":2}') AS renewed,
       test.token('guide@example.com', '{"session_id":"two"}') AS other, test.token('traveller@example.com', '{"session_id":"three"}') AS traveller,
       test.token('guide@example.com') AS sessionless,
       test.token('guide@example.com', '{"exp":1000000000}') AS expired, auth.create_api_key('publishable', 'csrf') AS publishable,
       auth.create_api_key('secret', 'csrf') AS secret \gset

CREATE FUNCTION test.cookie(VARIADIC pairs text[]) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('cookie', array_to_string(pairs, '; '), 'host', 'api.example.com') $$;
CREATE FUNCTION test.who(headers jsonb) RETURNS text LANGUAGE sql AS
$$ SELECT status || ' ' || coalesce(json #>> '{}', '') FROM test.call('GET', '/rest/v1/rpc/csrf_whoami', NULL::text, headers) WHERE status = 200
   UNION ALL SELECT status || ' ' || (json ->> 'message') FROM test.call('GET', '/rest/v1/rpc/csrf_whoami', NULL::text, headers) WHERE status <> 200 $$;

-- What the browser says is enough in the first half; the token is needed beside it in the second, as it is by default.
SET LOCAL vyricon.csrf_token = off;

-- Who a cookie makes its sender.
SELECT is(test.who(headers), want, name) FROM (VALUES
  (test.cookie('__Host-vyricon=' || :'token'), '200 guide@example.com', 'the cookie''s token says who calls'),
  (test.cookie('a=b', '__Host-vyricon=' || :'token', 'c'), '200 guide@example.com', 'other cookies, and what is none, do not matter'),
  (test.cookie('a=b'), '200 nobody', 'other cookies say nothing'),
  (test.cookie('__Host-vyricon='), '200 nobody', 'nor does an empty one'),
  (test.cookie('__host-vyricon=' || :'token'), '200 nobody', 'a cookie''s name has its case'),
  (test.cookie('__Host-vyricon=' || :'token', '__Host-vyricon=' || :'token'), '400 the session cookie was sent twice', 'security item 53: a cookie twice is refused'),
  (test.cookie('__Host-vyricon=' || :'token', '__Host-vyricon=' || :'other'), '400 the session cookie was sent twice', 'security item 53: two cookies of one name are refused'),
  (test.cookie('__Host-vyricon=' || :'expired'), '401 the token has expired', 'an expired one is refused'),
  (test.cookie('__Host-vyricon=nonsense'), '401 the token is malformed', 'what is no token is refused'),
  (test.cookie('__Host-vyricon=' || :'secret'), '401 the token is malformed', 'an API key is no session'),
  (test.cookie('__Host-vyricon=' || :'token') || jsonb_build_object('authorization', 'Bearer ' || :'traveller'), '200 traveller@example.com', 'the Authorization header goes first'),
  (test.cookie('__Host-vyricon=nonsense') || jsonb_build_object('authorization', 'Bearer ' || :'traveller'), '200 traveller@example.com', 'and then the cookie is not looked at'),
  (test.cookie('__Host-vyricon=' || :'token') || jsonb_build_object('apikey', :'publishable'), '200 guide@example.com', 'a publishable key leaves the cookie its word'),
  (test.cookie('__Host-vyricon=' || :'token') || jsonb_build_object('apikey', :'publishable', 'authorization', 'Bearer ' || :'publishable'), '200 guide@example.com', 'also in both places'),
  (test.cookie('__Host-vyricon=' || :'token') || jsonb_build_object('apikey', :'secret'), '200 nobody', 'a secret key does not')
) AS t(headers, want, name);
SELECT is(headers ->> 'set-cookie', '__Host-vyricon=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0', 'a cookie that is refused is taken back')
  FROM test.call('GET', '/rest/v1/rpc/csrf_whoami', NULL::text, test.cookie('__Host-vyricon=' || :'expired'));
SELECT is(json #>> '{}', '{"a":"b"}', 'request.cookies does not show the credential')
  FROM test.call('GET', '/rest/v1/rpc/csrf_cookies', NULL::text, test.cookie('a=b', '__Host-vyricon=' || :'token'));

-- The cookie is got, told of and taken back.
SELECT status, headers, json FROM test.call('POST', '/auth/v1/cookie', NULL::text, jsonb_build_object('authorization', 'Bearer ' || :'token')) \gset got_
SELECT is(:got_status, 200, 'who has a token gets a cookie');
SELECT matches(:'got_headers'::jsonb ->> 'set-cookie', '^__Host-vyricon=' || replace(:'token', '.', '\.') || '; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=3(60[01]|5\d\d)$', 'no script reads it, no other site sends it, and it ends with the token');
SELECT is(:'got_headers'::jsonb ->> 'cache-control', 'no-store', 'the answer is kept nowhere');
SELECT is(array(SELECT jsonb_object_keys(:'got_json'::jsonb) ORDER BY 1), ARRAY['csrf_token', 'expires_at', 'user_id'], 'the answer tells the CSRF token, the end and the user');
SELECT is(json ->> 'csrf_token', :'got_json'::jsonb ->> 'csrf_token', 'and so does GET with the cookie')
  FROM test.call('GET', '/auth/v1/cookie', NULL::text, test.cookie('__Host-vyricon=' || :'token'));
SELECT is(json ->> 'csrf_token', :'got_json'::jsonb ->> 'csrf_token', 'the CSRF token outlives the access token')
  FROM test.call('GET', '/auth/v1/cookie', NULL::text, test.cookie('__Host-vyricon=' || :'renewed'));
SELECT isnt(json ->> 'csrf_token', :'got_json'::jsonb ->> 'csrf_token', 'another session has another')
  FROM test.call('GET', '/auth/v1/cookie', NULL::text, test.cookie('__Host-vyricon=' || :'other'));
SELECT is(status || ' ' || coalesce(json ->> 'error_code', ''), want, name) FROM (VALUES
  ('GET', '{}'::jsonb, '401 no_authorization', 'without a cookie there is nothing to tell'),
  ('POST', '{}', '401 no_authorization', 'without a token there is no cookie'),
  ('POST', jsonb_build_object('apikey', :'secret'), '401 no_authorization', 'an API key gets none'),
  ('POST', test.cookie('__Host-vyricon=' || :'token') || '{"sec-fetch-site":"same-origin"}', '401 no_authorization', 'nor does another cookie'),
  ('POST', jsonb_build_object('authorization', 'Bearer ' || test.token('guide@example.com', jsonb_build_object('x', repeat('x', 3500)))), '422 validation_failed', 'a token that a browser would drop is refused')
) AS t(method, headers, want, name), LATERAL test.call(method, '/auth/v1/cookie', NULL::text, headers);
SELECT is(status || ' ' || (headers ->> 'set-cookie'), '204 __Host-vyricon=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0', 'it is taken back')
  FROM test.call('DELETE', '/auth/v1/cookie', NULL::text, test.cookie('__Host-vyricon=' || :'token') || '{"sec-fetch-site":"same-origin"}');
SELECT is(status, 403, 'but not for another site') FROM test.call('DELETE', '/auth/v1/cookie', NULL::text, test.cookie('__Host-vyricon=' || :'token') || '{"sec-fetch-site":"cross-site"}');

-- Who may write with it.
CREATE FUNCTION test.write(headers jsonb, method text DEFAULT 'POST') RETURNS text LANGUAGE sql AS
$$ SELECT status || coalesce(' ' || (json ->> 'code'), '') FROM test.call(method, '/rest/v1/csrf_notes' || CASE method WHEN 'POST' THEN '' ELSE '?id=eq.0' END,
     CASE method WHEN 'DELETE' THEN NULL ELSE '{"word":"x"}' END, headers) $$;
SELECT is(test.write(test.cookie('__Host-vyricon=' || :'token') || headers), want, 'security item 55: ' || name) FROM (VALUES
  ('{}'::jsonb, '403 VYCSR', 'no witness at all'),
  ('{"sec-fetch-site":"same-origin"}', '201', 'a page of ours'),
  ('{"sec-fetch-site":"same-origin","origin":"https://api.example.com"}', '201', 'a page of ours with its origin'),
  ('{"sec-fetch-site":"none"}', '201', 'the user'),
  ('{"sec-fetch-site":"cross-site"}', '403 VYCSR', 'another site'),
  ('{"sec-fetch-site":"cross-site","origin":"https://api.example.com"}', '403 VYCSR', 'another site, whatever its origin'),
  ('{"sec-fetch-site":"same-site"}', '403 VYCSR', 'a neighbour'),
  ('{"sec-fetch-site":"same-site","origin":"https://app.example.com"}', '403 VYCSR', 'a neighbour that is not listed'),
  ('{"sec-fetch-site":"sideways"}', '403 VYCSR', 'a word that nobody knows'),
  ('{"origin":"https://api.example.com"}', '201', 'our origin'),
  ('{"origin":"http://api.example.com"}', '403 VYCSR', 'our origin without TLS'),
  ('{"origin":"https://evil"}', '403 VYCSR', 'a foreign origin'),
  ('{"origin":"null"}', '403 VYCSR', 'the origin null'),
  ('{"origin":"https://api.example.com.evil.com"}', '403 VYCSR', 'an origin that begins like ours'),
  ('{"origin":"https://api.example.com:8443"}', '403 VYCSR', 'our host on another port'),
  (jsonb_build_object('x-csrf-token', :'got_json'::jsonb ->> 'csrf_token'), '201', 'no witness but the right token'),
  (jsonb_build_object('x-csrf-token', (:'got_json'::jsonb ->> 'csrf_token') || 'x'), '403 VYCSR', 'a longer token'),
  (jsonb_build_object('x-csrf-token', left(:'got_json'::jsonb ->> 'csrf_token', -1)), '403 VYCSR', 'a shorter token'),
  ('{"x-csrf-token":""}', '403 VYCSR', 'an empty token'),
  (jsonb_build_object('x-csrf-token', (SELECT json ->> 'csrf_token' FROM test.call('GET', '/auth/v1/cookie', NULL::text, test.cookie('__Host-vyricon=' || :'other')))), '403 VYCSR', 'the token of another session of the same user'),
  (jsonb_build_object('x-csrf-token', (SELECT json ->> 'csrf_token' FROM test.call('GET', '/auth/v1/cookie', NULL::text, test.cookie('__Host-vyricon=' || :'traveller')))), '403 VYCSR', 'the token of another user'),
  (jsonb_build_object('x-csrf-token', (SELECT json ->> 'csrf_token' FROM test.call('GET', '/auth/v1/cookie', NULL::text, test.cookie('__Host-vyricon=' || :'sessionless')))), '403 VYCSR', 'the token of a session without an id'),
  ('{"sec-fetch-site":"same-origin","x-csrf-token":"wrong"}', '403 VYCSR', 'a wrong token on a page of ours'),
  (jsonb_build_object('sec-fetch-site', 'cross-site', 'x-csrf-token', :'got_json'::jsonb ->> 'csrf_token'), '403 VYCSR', 'the right token on another site'),
  ('{"sec-fetch-site":"same-origin","content-type":"text/plain"}', '415 VY415', 'a body that a form can send'),
  ('{"sec-fetch-site":"same-origin","content-type":"application/x-www-form-urlencoded; charset=utf-8"}', '415 VY415', 'a form'),
  ('{"sec-fetch-site":"same-origin","content-type":"multipart/form-data; boundary=x"}', '415 VY415', 'a form with files'),
  ('{"sec-fetch-site":"same-origin","content-type":null}', '415 VY415', 'a body without a type'),
  (jsonb_build_object('authorization', 'Bearer ' || :'token', 'sec-fetch-site', 'cross-site', 'origin', 'https://evil'), '201', 'a token in the Authorization header is not ambient')
) AS t(headers, want, name);
SELECT is(test.write(test.cookie('__Host-vyricon=' || :'token') || '{"sec-fetch-site":"cross-site"}', method), '403 VYCSR', 'security item 55: ' || method || ' from another site')
  FROM unnest('{PATCH,DELETE}'::text[]) AS method;
SELECT is(test.write('{"authorization":null,"sec-fetch-site":"cross-site","origin":"https://evil"}'), '401 42501', 'who has no credential is told so, wherever the page is');
SELECT is((SELECT status FROM test.call('POST', '/rest/v1/rpc/csrf_whoami', '{}', test.cookie('__Host-vyricon=' || :'token') || '{"sec-fetch-site":"cross-site"}')), 403, 'a call by POST counts as a write');
SELECT is((SELECT status FROM test.call('GET', '/rest/v1/csrf_notes', NULL::text, test.cookie('__Host-vyricon=' || :'token') || '{"sec-fetch-site":"cross-site"}')), 200, 'reading changes nothing, and other sites cannot see the answer');
SELECT is((SELECT count(*) FROM public.csrf_notes), (SELECT count(*) FROM public.csrf_notes WHERE user_id = '11111111-1111-4111-8111-111111111111'), 'every row that was written is the cookie''s user''s');
SELECT is((SELECT count(*) FROM public.csrf_notes), 6::bigint, 'and only what was meant was written');

RESET vyricon.csrf_token;
SELECT is(test.write(test.cookie('__Host-vyricon=' || :'token') || headers), want, 'security item 55: with both witnesses asked, ' || name) FROM (VALUES
  ('{"sec-fetch-site":"same-origin"}'::jsonb, '403 VYCSR', 'a page of ours without a token'),
  ('{"origin":"https://api.example.com"}', '403 VYCSR', 'our origin without a token'),
  (jsonb_build_object('sec-fetch-site', 'same-origin', 'x-csrf-token', :'got_json'::jsonb ->> 'csrf_token'), '201', 'a page of ours with the right token'),
  (jsonb_build_object('origin', 'https://api.example.com', 'x-csrf-token', :'got_json'::jsonb ->> 'csrf_token'), '201', 'our origin with the right token'),
  (jsonb_build_object('x-csrf-token', :'got_json'::jsonb ->> 'csrf_token'), '201', 'the right token, where the browser says nothing'),
  (jsonb_build_object('sec-fetch-site', 'cross-site', 'x-csrf-token', :'got_json'::jsonb ->> 'csrf_token'), '403 VYCSR', 'another site with the right token'),
  ('{"sec-fetch-site":"same-origin","x-csrf-token":"wrong"}', '403 VYCSR', 'a page of ours with a wrong token')
) AS t(headers, want, name);
SELECT is(test.write(jsonb_build_object('authorization', 'Bearer ' || :'token')), '201', 'security item 55: a token in the Authorization header needs neither');

SELECT * FROM finish();
ROLLBACK;
