-- Routes of users: vyricon.route(), vyricon.unroute(), and what their functions are given and give back.
BEGIN;
SELECT plan(50);
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE FUNCTION app.echo(input jsonb) RETURNS jsonb LANGUAGE sql STABLE AS 'SELECT input';
CREATE FUNCTION app.nothing(input jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';
CREATE FUNCTION app.secret(input jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '1'::jsonb$$;
REVOKE EXECUTE ON FUNCTION app.secret(jsonb) FROM PUBLIC;
CREATE FUNCTION app.twice(jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION app.twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION app.set_of(jsonb) RETURNS SETOF jsonb LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION app.full(r vyricon.request) RETURNS vyricon.response LANGUAGE sql AS
  $$SELECT vyricon.reply(jsonb_build_object('method', r.method, 'path', r.path, 'params', r.params, 'query', r.query,
     'has_token', r.headers ? 'authorization' OR r.headers ? 'apikey', 'body', convert_from(r.body, 'UTF8')), 201, '{"X-Made-By":"app"}')$$;
CREATE FUNCTION app.raw(r vyricon.request) RETURNS vyricon.response LANGUAGE plpgsql AS
  $$BEGIN RETURN ((r.query->>'status')::int, (r.query->>'headers')::jsonb, 'x'::bytea)::vyricon.response; END$$;
CREATE FUNCTION app.writes(jsonb) RETURNS jsonb LANGUAGE plpgsql AS
  $$BEGIN CREATE TEMP TABLE written (n int); RETURN 'true'; END$$;

SELECT throws_ok(format('SELECT vyricon.route(%L, %L, %L)', method, pattern, function), code, NULL, name)
  FROM (VALUES
    ('FETCH', '/a', 'app.echo', '22023', 'an unknown method is refused'),
    ('HEAD', '/a', 'app.echo', '22023', 'HEAD comes with GET'),
    ('GET', 'a', 'app.echo', '22023', 'a pattern starts with a slash'),
    ('GET', '/a//b', 'app.echo', '22023', 'a segment is not empty'),
    ('GET', '/a/', 'app.echo', '22023', 'a pattern has no slash at its end'),
    ('GET', '/a/../b', 'app.echo', '22023', 'no segment is two dots'),
    ('GET', '/a/:', 'app.echo', '22023', 'a parameter has a name'),
    ('GET', '/a/:1st', 'app.echo', '22023', 'a name does not start with a digit'),
    ('GET', '/a/:id/:id', 'app.echo', '22023', 'a name is used once'),
    ('GET', '/a/*rest/b', 'app.echo', '22023', 'a rest is the last segment'),
    ('GET', '/a/%41', 'app.echo', '22023', 'a literal is not percent-encoded'),
    ('GET', '/a/:a/:b/:c/:d/:e/:f/:g/:h/:i', 'app.echo', '22023', 'there are at most eight parameters'),
    ('GET', '/', 'app.echo', '42939', 'the root is taken'),
    ('GET', '/rest/v1/tours', 'app.echo', '42939', '/rest is taken'),
    ('POST', '/auth/v1/token', 'app.echo', '42939', '/auth is taken'),
    ('GET', '/payments/x', 'app.echo', '42939', 'the rooms to come are taken'),
    ('GET', '/a', 'app.absent', '42883', 'the function must exist'),
    ('GET', '/a', 'app.twice', '42725', 'an overloaded name is ambiguous'),
    ('GET', '/a', 'app.twice(int)', '42809', 'the function must take jsonb or vyricon.request'),
    ('GET', '/a', 'app.set_of', '42809', 'the function must return one value')) AS t(method, pattern, function, code, name);
SELECT throws_ok($$SELECT vyricon.route('GET', '/a', NULL)$$, '22004', NULL, 'nothing is null');

SELECT lives_ok($$SELECT vyricon.route('GET', '/app/echo/:id', 'app.echo', 'says it again')$$, 'a route is added by name');
SELECT lives_ok($$SELECT vyricon.route('POST', '/app/echo/:id', 'app.twice(jsonb)')$$, 'a route is added by signature');
SELECT is((SELECT json FROM test.call('GET', '/app/echo/a%20b?x=1&y=2&x=%C3%A9+3')), '{"params":{"id":"a b"},"query":{"x":["1","é 3"],"y":"2"},"body":null}',
          'a function of jsonb is given parameters, query and body');
SELECT is((SELECT json->'body' FROM test.call('POST', '/app/echo/1', '{"a":[1,2.50]}'::jsonb)), '{"a":[1,2.50]}', 'a JSON body is a value');
SELECT is((SELECT json->'body' FROM test.call('POST', '/app/echo/1', 'a=1&b=%20'::text, '{"content-type":"application/x-www-form-urlencoded"}')),
          '{"a":"1","b":" "}', 'a form is an object');
SELECT is((SELECT status FROM test.call('POST', '/app/echo/1', '{"a":1},"query":{"admin":"1"}'::text)), 400, 'a body cannot break out of its place');
SELECT is((SELECT status FROM test.call('POST', '/app/echo/1', '<a/>'::text, '{"content-type":"application/xml"}')), 415, 'another media type is 415');
SELECT is((SELECT headers->>'allow' FROM test.call('DELETE', '/app/echo/1')), 'GET, HEAD, POST, OPTIONS', '405 names the methods of both rows');
SELECT is((SELECT status FROM test.call('HEAD', '/app/echo/1')), 200, 'GET also answers HEAD');

SELECT lives_ok($$SELECT vyricon.route('POST', '/app/full/*rest', 'app.full'), vyricon.route('GET', '/app/raw', 'app.raw'),
  vyricon.route('POST', '/app/nothing', 'app.nothing'), vyricon.route('POST', '/app/secret', 'app.secret'), vyricon.route('GET', '/app/writes', 'app.writes')$$,
  'routes of both kinds live together');
SELECT is((SELECT json FROM test.call('POST', '/app/full/x/y', 'hello'::text, '{"authorization":"Basic eA=="}')),
          '{"method":"POST","path":"/app/full/x/y","params":{"rest":"x/y"},"query":{},"has_token":false,"body":"hello"}',
          'a function of vyricon.request is given the whole request but no credential');
SELECT is((SELECT status::text || (headers->>'x-made-by') FROM test.call('POST', '/app/full/x')), '201app', 'it sets status and headers');
SELECT is((SELECT status FROM test.call('POST', '/app/nothing')), 204, 'NULL is 204');
SELECT is((SELECT status FROM test.call('GET', '/app/raw?status=' || s)), want, 'status ' || s || ' is answered ' || want)
  FROM (VALUES ('418', 418), ('99', 400)) AS t(s, want);
SELECT is((SELECT status FROM test.call('GET', '/app/raw?status=200&headers=' || h)), 400, 'a handler cannot set ' || h)
  FROM (VALUES ('{"x-vyricon-shim-wait":"1"}'), ('{"content-length":"3"}'), ('{"x":"a%5Cr%5Cnset-cookie:%20b"}'), ('[1]')) AS t(h);
SELECT is((SELECT status FROM test.call('POST', '/app/secret')), 401, 'without EXECUTE anon is 401');
SELECT is((SELECT status FROM test.call('GET', '/app/writes')), 405, 'a GET cannot write');

-- Names, not oids: the function may be made again.
DROP FUNCTION app.echo(jsonb);
SELECT is((SELECT status FROM test.call('GET', '/app/echo/1')), 404, 'a function that is gone is 404');
CREATE FUNCTION app.echo(input jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '"again"'::jsonb$$;
SELECT is((SELECT json FROM test.call('GET', '/app/echo/1')), '"again"', 'a function that was made again is found by the very next request');

-- Who may.
SELECT is((SELECT count(*) FROM vyricon.routes WHERE pattern = '/app/echo/:id' AND NOT built_in AND function LIKE 'app.%(jsonb)'), 2::bigint,
          'vyricon.routes shows users'' rows');
SELECT ok((SELECT count(*) > 2 FROM vyricon.route_rows() WHERE built_in), 'and the built-in ones');
SET LOCAL ROLE service_role;
SELECT throws_ok($$SELECT vyricon.route('GET', '/app/mine', 'app.echo')$$, '42501', NULL, 'only the function''s owner routes to it');
SELECT throws_ok($$SELECT vyricon.unroute('GET', '/app/echo/:id')$$, '42501', NULL, 'only the function''s owner takes a route back');
RESET ROLE;
SELECT ok(vyricon.unroute('GET', '/app/echo/:id') AND NOT vyricon.unroute('GET', '/app/echo/:id'), 'unroute() says whether there was a route');
SELECT is((SELECT status FROM test.call('GET', '/app/echo/1')), 405, 'and it is gone at once');
SELECT * FROM finish();
ROLLBACK;
