-- Idempotency-Key: the same request again is answered again and does nothing.
BEGIN;
SELECT plan(27);
CREATE TABLE public.payments_made (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, user_id uuid, amount int NOT NULL CHECK (amount > 0));
SELECT FROM vyricon.expose('public.payments_made', owner => 'user_id');
CREATE FUNCTION public.pay(amount int) RETURNS int LANGUAGE sql VOLATILE AS $$ INSERT INTO public.payments_made (amount) VALUES ($1) RETURNING id $$;
CREATE FUNCTION public.read_only_pay(amount int) RETURNS int LANGUAGE sql STABLE AS $$ SELECT amount $$;
CREATE FUNCTION public.pay_route(jsonb) RETURNS jsonb LANGUAGE sql VOLATILE AS $$ INSERT INTO public.payments_made (amount) VALUES (($1 -> 'body' ->> 'amount')::int) RETURNING to_jsonb(id) $$;
GRANT EXECUTE ON FUNCTION public.pay, public.read_only_pay, public.pay_route TO authenticated;
SELECT FROM vyricon.route('POST', '/pay', 'public.pay_route');
CREATE FUNCTION pg_temp.paid() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$ SELECT count(*) FROM public.payments_made $$;
CREATE FUNCTION pg_temp.send(key text, send text, path text DEFAULT '/rest/v1/payments_made?select=amount', method text DEFAULT 'POST',
                             OUT status int, OUT headers jsonb, OUT body text) LANGUAGE sql AS $$
  SELECT status, headers, body FROM test.call(method, path, send, jsonb_build_object('idempotency-key', key, 'prefer', 'return=representation'))
$$;
SELECT test.as('guide@example.com');

SELECT is(a.status || a.body, '201[{"amount":5}]', 'the first time it is done') FROM pg_temp.send('k1', '{"amount":5}') AS a;
SELECT is(pg_temp.paid(), 1::bigint, 'once');
CREATE TEMP TABLE again AS SELECT * FROM pg_temp.send('k1', '{"amount":5}');
SELECT is(status || body, '201[{"amount":5}]', 'the second time it is answered alike') FROM again;
SELECT is(headers ->> 'idempotency-replayed', 'true', 'and said to be an answer again') FROM again;
SELECT is(headers ->> 'content-type' || ' ' || (headers ->> 'content-range') || ' ' || (headers ->> 'preference-applied'), 'application/json; charset=utf-8 */* return=representation',
  'with the headers of the first') FROM again;
SELECT is(pg_temp.paid(), 1::bigint, 'and not done');
SELECT is(a.headers ->> 'idempotency-replayed', 'true', 'quotes around the key do not matter') FROM pg_temp.send('"k1"', '{"amount":5}') AS a;
SELECT is(a.status || (a.body::jsonb ->> 'code'), '422VY422', name)
  FROM (VALUES ('{"amount":6}', '/rest/v1/payments_made?select=amount', 'POST', 'another body is refused'), ('{"amount":5}', '/rest/v1/payments_made', 'POST', 'another target is refused'),
    ('{"amount":5}', '/rest/v1/payments_made?select=amount', 'PATCH', 'another method is refused')) AS t(send, path, method, name), LATERAL pg_temp.send('k1', send, path, method) AS a;
SELECT is(a.status, 201, 'without a key nothing is kept') FROM test.call('POST', '/rest/v1/payments_made', '{"amount":5}'::text) AS a;
SELECT is(pg_temp.paid(), 2::bigint, 'and it is done again');

-- Keys belong to their sender.
SELECT test.as('traveller@example.com');
SELECT is(a.status || coalesce(a.headers ->> 'idempotency-replayed', ' done'), '201 done', 'another user''s key is another key') FROM pg_temp.send('k1', '{"amount":5}') AS a;
SELECT is(pg_temp.paid(), 3::bigint, 'and it is done');
SELECT throws_ok('SELECT * FROM vyricon.idempotency_keys', '42501', NULL, 'nobody reads what is kept');

-- A failure did nothing, so it may be tried again.
SELECT is(a.status, 400, 'what fails') FROM pg_temp.send('k2', '{"amount":-1}') AS a;
SELECT is(a.status || coalesce(a.headers ->> 'idempotency-replayed', ' done'), '201 done', 'can be sent again with the same key') FROM pg_temp.send('k2', '{"amount":1}') AS a;

-- Functions and routes.
SELECT is(a.body, b.body, name) FROM (VALUES ('/rest/v1/rpc/pay', 'k3', 'a function is called once'), ('/pay', 'k4', 'a route is run once')) AS t(path, key, name),
  LATERAL pg_temp.send(key, '{"amount":7}', path) AS a, LATERAL pg_temp.send(key, '{"amount":7}', path || substr(a.body, 1, 0)) AS b;
SELECT is(pg_temp.paid(), 6::bigint, 'each');
SELECT is(a.headers ->> 'idempotency-replayed', NULL, 'what only reads is read again')
  FROM test.call('GET', '/rest/v1/payments_made', NULL::text, '{"idempotency-key":"k1"}') AS a;

-- Keys that are none.
SELECT is(a.status, 400, name) FROM (VALUES ('', 'an empty key'), (repeat('k', 256), 'a key of 256 letters'), ('k k', 'a blank in a key')) AS t(key, name), LATERAL pg_temp.send(key, '{"amount":1}') AS a;

-- Expiry.
SELECT test.as(NULL);
UPDATE vyricon.idempotency_keys SET expires_at = now() - interval '1 second' WHERE key = 'k1';
SELECT test.as('guide@example.com');
SELECT is(a.status || coalesce(a.headers ->> 'idempotency-replayed', ' done'), '201 done', 'an expired key is new') FROM pg_temp.send('k1', '{"amount":8}') AS a;
SELECT test.as(NULL);
UPDATE vyricon.idempotency_keys SET expires_at = now() - interval '1 second' WHERE key = 'k2';
SELECT ok(vyricon.run_job('purge') >= 1, 'the purge takes what has expired');
SELECT is((SELECT count(*) FROM vyricon.idempotency_keys WHERE key = 'k2'), 0::bigint, 'and nothing is left of it');
SELECT * FROM finish();
ROLLBACK;
