-- vyricon.stat_requests: what an operator reads.
BEGIN;
SELECT plan(12);
CREATE FUNCTION public.failing(jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE 'XX001' USING MESSAGE = 'broken'; END $$;
GRANT EXECUTE ON FUNCTION public.failing TO anon;
SELECT FROM vyricon.route('POST', '/stat/:id/failing', 'public.failing');
SELECT FROM vyricon.stat_reset();
SELECT test.as('anon');
SELECT count(*) FROM generate_series(1, 5) AS n, LATERAL test.call('GET', '/rest/v1/tours?limit=' || n) \g /dev/null
SELECT count(*) FROM generate_series(1, 3) AS n, LATERAL test.call('GET', '/rest/v1/nothing?limit=' || n) \g /dev/null
SELECT count(*) FROM generate_series(1, 2) AS n, LATERAL test.call('POST', '/stat/' || n || '/failing', '{}'::text) \g /dev/null
SELECT count(*) FROM generate_series(1, 4) AS n, LATERAL test.call('GET', '/no/such/path/secret' || n) \g /dev/null
SELECT throws_ok('SELECT * FROM ' || source, '42501', NULL, 'visitors do not read ' || source) FROM unnest(ARRAY['vyricon.stat_requests', 'vyricon.stat_request_rows()']) AS source;
SELECT throws_ok('SELECT vyricon.stat_reset()', '42501', NULL, 'nor set it back');
SELECT test.as('service_role');
CREATE TEMP VIEW seen AS SELECT * FROM vyricon.stat_requests;
SELECT results_eq('SELECT requests, ok, refused, failed FROM seen WHERE method = ''GET'' AND pattern = ''/rest/v1/:relation''', 'VALUES (8::bigint, 5::bigint, 3::bigint, 0::bigint)',
  'requests of a route are counted by the kind of their answer');
SELECT results_eq('SELECT requests, ok, refused, failed FROM seen WHERE pattern = ''/stat/:id/failing''', 'VALUES (2::bigint, 0::bigint, 0::bigint, 2::bigint)', 'what raised is counted too');
SELECT results_eq('SELECT requests, refused FROM seen WHERE pattern = ''(none)''', 'VALUES (4::bigint, 4::bigint)', 'so is what has no route');
SELECT ok(mean_ms > 0 AND max_ms >= mean_ms, 'times are in milliseconds') FROM seen WHERE pattern = '/rest/v1/:relation' AND method = 'GET';
SELECT is(mean_ms, NULL, 'what raised has no time') FROM seen WHERE pattern = '/stat/:id/failing';
SELECT is((SELECT count(*) FROM seen WHERE seen::text ~ 'secret|nothing'), 0::bigint, 'nothing that a client wrote is shown');
SELECT lives_ok('SELECT vyricon.stat_reset()', 'the service role sets it back');
SELECT is_empty('SELECT * FROM seen', 'and nothing is left');
SELECT test.as('anon');
SELECT count(*) FROM test.call('HEAD', '/rest/v1/tours') \g /dev/null
SELECT test.as('service_role');
SELECT results_eq('SELECT method, requests FROM seen', $$VALUES ('HEAD', 1::bigint)$$, 'it counts on');
SELECT * FROM finish();
ROLLBACK;
