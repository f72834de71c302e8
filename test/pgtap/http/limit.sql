-- Rate limits: who is counted, what a refusal says, and what cannot be got around.
BEGIN;
SELECT plan(38);
CREATE FUNCTION pg_temp.ask(path text, address text DEFAULT '192.0.2.1', send_headers text[] DEFAULT '{}', method text DEFAULT 'GET',
                            OUT status int, OUT headers jsonb, OUT body jsonb) LANGUAGE plpgsql AS $$
DECLARE
  answer record := vyricon.http(method, path, send_headers, NULL, address::inet);
BEGIN
  status := answer.status;
  SELECT jsonb_object_agg(answer.headers[i], answer.headers[i + 1]) INTO headers FROM generate_series(1, array_length(answer.headers, 1), 2) AS i;
  body := CASE WHEN answer.headers::text ~ 'json' AND answer.body <> '' THEN convert_from(answer.body, 'UTF8')::jsonb END;
END $$;
CREATE FUNCTION pg_temp.passes(n int, path text, address text DEFAULT '192.0.2.1', send_headers text[] DEFAULT '{}', method text DEFAULT 'GET') RETURNS bigint
  LANGUAGE plpgsql AS $$
DECLARE
  passed bigint := 0;
BEGIN
  FOR i IN 1 .. n LOOP
    passed := passed + ((pg_temp.ask(path, address, send_headers, method)).status <> 429)::int;
  END LOOP;
  RETURN passed;
END $$;

-- What can be set.
SELECT ok(vyricon.rate_limit('/rest/v1/tours', '3/hour') > 0, 'a limit is a row');
SELECT throws_ok(format('SELECT vyricon.rate_limit(%L, %L, %L, %L)', pattern, rate, per, method), '22023', NULL, name)
  FROM (VALUES ('/a', '3', 'address', '*', 'a rate without a time is refused'), ('/a', '0/s', 'address', '*', 'a rate of nothing is refused'),
    ('/a', '9999999/s', 'address', '*', 'more than one each microsecond is refused'), ('a', '1/s', 'address', '*', 'a pattern starts with a slash'),
    ('/a//b', '1/s', 'address', '*', 'an empty segment is refused'), ('/*a/b', '1/s', 'address', '*', 'the rest is last'),
    ('/:1/:2/:3/:4/:5/:6/:7/:8/:9', '1/s', 'address', '*', 'a pattern has at most eight names'),
    ('/a', '1/s', 'planet', '*', 'a planet is nothing to count by'), ('/a', '1/s', 'user', 'OPTIONS', 'OPTIONS is not limited')) AS t(pattern, rate, per, method, name);
SELECT test.as('anon');
SELECT throws_ok($$ SELECT vyricon.rate_limit('/a', '1/s') $$, '42501', NULL, 'visitors set no limits');
SELECT throws_ok($$ SELECT * FROM vyricon.rate_limits $$, '42501', NULL, 'nor read them');
SELECT test.as(NULL);

-- By address.
SELECT is(a.status || ' ' || (a.headers ->> 'ratelimit-policy') || ' ' || (a.headers ->> 'ratelimit'), '200 "address";q=3;w=3600 "address";r=2;t=1200',
  'an answer says what is left') FROM pg_temp.ask('/rest/v1/tours?limit=1') AS a;
SELECT is(pg_temp.passes(5, '/rest/v1/tours?limit=1'), 2::bigint, 'three of six pass');
SELECT is(a.status || ' ' || (a.headers ->> 'ratelimit') || ' ' || (a.headers ->> 'cache-control'), '429 "address";r=0;t=3600 private, no-cache', 'the refusal is 429')
  FROM pg_temp.ask('/rest/v1/tours?limit=1') AS a;
SELECT ok((a.headers ->> 'retry-after')::int BETWEEN 1100 AND 1200, 'Retry-After says when the next one passes') FROM pg_temp.ask('/rest/v1/tours?limit=1') AS a;
SELECT is(a.body, '{"code": "VY429", "details": null, "hint": "Wait as long as Retry-After says.", "message": "too many requests"}', 'in the words of that API')
  FROM pg_temp.ask('/rest/v1/tours?limit=1') AS a;
SELECT is(pg_temp.passes(1, '/rest/v1/tours', '192.0.2.1', '{}', method), 0::bigint, method || ' counts with it') FROM unnest(ARRAY['HEAD', 'POST', 'PATCH', 'DELETE']) AS method;
SELECT is(pg_temp.passes(1, '/rest/v1/tours', '192.0.2.2'), 1::bigint, 'another address has its own');
SELECT is(pg_temp.passes(1, '/rest/v1/bookings?limit=0'), 1::bigint, 'another path is not counted');
SELECT is(pg_temp.passes(1, '/rest/v1/%74ours'), 0::bigint, 'an escaped letter is the same path');
SELECT is(pg_temp.passes(1, '/rest/v1/tours?limit=1', '192.0.2.1', ARRAY['x-forwarded-for', '192.0.2.77', 'forwarded', 'for=192.0.2.78']), 0::bigint,
  'a forwarded address that a client writes changes nothing');
SELECT is((SELECT count(*) FROM generate_series(1, 8) AS n, LATERAL pg_temp.ask('/rest/v1/tours?limit=1', '2001:db8:0:1::' || n) AS a WHERE a.status = 200), 3::bigint,
  'a /64 of IPv6 is one client');
SELECT is(a.status, 204, 'a preflight is not counted')
  FROM pg_temp.ask('/rest/v1/tours', '192.0.2.1', ARRAY['origin', 'https://a.example', 'access-control-request-method', 'GET'], 'OPTIONS') AS a;
SELECT is(vyricon.http('GET', '/rest/v1/tours?limit=0', '{}', NULL, NULL)::text ~ 'ratelimit', false, 'who has no address, as in SQL, is not counted by it');

-- Of several limits all count, and the nearest is told.
SELECT ok(vyricon.rate_limit('/rest/v1/*path', '2/min') > 0, 'a second limit covers more');
SELECT is(a.headers ->> 'ratelimit', '"address";r=1;t=30', 'the one with least left is told') FROM pg_temp.ask('/rest/v1/tours?limit=0', '192.0.2.3') AS a;
SELECT is(pg_temp.passes(3, '/rest/v1/bookings?limit=0', '192.0.2.3'), 1::bigint, 'it covers other paths');
SELECT ok(vyricon.drop_rate_limit('/rest/v1/*path') AND NOT vyricon.drop_rate_limit('/rest/v1/*path'), 'a limit can be taken back, once');
SELECT is(pg_temp.passes(3, '/rest/v1/bookings?limit=0', '192.0.2.3'), 3::bigint, 'and is gone with the next request');

-- By user.
SELECT ok(vyricon.rate_limit('/rest/v1/bookings', '2/hour', 'user', 'GET') > 0, 'a limit per user');
SELECT is(pg_temp.passes(4, '/rest/v1/bookings?limit=0', '192.0.2.' || place, ARRAY['authorization', 'Bearer ' || test.token(who)]), want::bigint, name)
  FROM (VALUES (1, 11, 'guide@example.com', 2, 'a user has two'), (2, 12, 'guide@example.com', 0, 'from whatever address'), (3, 12, 'traveller@example.com', 2, 'another user has two'))
    AS t(n, place, who, want, name) ORDER BY n;
SELECT is(pg_temp.passes(4, '/rest/v1/bookings?limit=0', '192.0.2.13'), 2::bigint, 'who is not signed in counts by address');
SELECT * FROM finish();
ROLLBACK;
