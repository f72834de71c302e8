-- /rest/v1/rpc: which function is meant, what it is given, what it answers.
BEGIN;
\ir fixture.psql
SELECT plan(47);
SELECT test.as('anon');

SELECT is(a.status || ' ' || a.body, want, name)
  FROM (VALUES
    ('POST', 'add', '{"a":1,"b":2}', '200 3', 'named arguments'),
    ('POST', 'add', '{"a":1}', '200 11', 'a default'),
    ('GET', 'add?a=1&b=5', NULL, '200 6', 'arguments in the query'),
    ('GET', 'add?a=-1', NULL, '200 9', 'a negative argument'),
    ('POST', 'numbers', '{"n":3}', '200 [1,2,3]', 'a set of values'),
    ('POST', 'numbers?limit=1&offset=1', '{"n":3}', '200 [2]', 'a page of them'),
    ('POST', 'pairs', '{"n":2}', '200 [{"k":1,"v":"v1"},{"k":2,"v":"v2"}]', 'a table'),
    ('POST', 'pairs?select=v&k=gt.1&order=k.desc', '{"n":3}', '200 [{"v":"v3"},{"v":"v2"}]', 'select, filters and order apply'),
    ('GET', 'pairs?n=3&k=eq.2', NULL, '200 [{"k":2,"v":"v2"}]', 'an operator tells a filter from an argument'),
    ('GET', 'all_books?select=id&title=like.A*', NULL, '200 [{"id":1}]', 'a set of a table''s rows'),
    ('GET', 'all_books?select=shout&id=eq.2', NULL, '200 [{"shout":"BETA"}]', 'has computed fields'),
    ('GET', 'one_book?book_id=2&select=id,title', NULL, '200 {"id":2,"title":"Beta"}', 'one row is an object'),
    ('POST', 'nothing', '{}', '204 ', 'void is 204'),
    ('POST', 'nothing', '', '204 ', 'an empty body is an empty object'),
    ('POST', 'echo', '{"any":[1]}', '200 {"any": [1]}', 'a single unnamed argument takes the whole body'),
    ('POST', 'count_of', '{"items":[1,2,3]}', '200 3', 'an array argument'),
    ('GET', 'count_of?items={1,2}', NULL, '200 2', 'an array literal'),
    ('POST', 'total', '{"parts":[1,2,3]}', '200 6', 'VARIADIC takes an array'),
    ('GET', 'total?parts=4&parts=5', NULL, '200 9', 'or a repeated parameter'),
    ('POST', 'sell', '{"book_id":3}', '200 2', 'a volatile function writes'),
    ('POST', 'pairs', '{"n":0}', '200 []', 'an empty set'),
    ('POST', 'add?columns=a', '{"a":1,"other":2}', '200 11', 'columns= takes only these keys')
  ) AS t(method, path, send, want, name), LATERAL test.call(method, '/rest/v1/rpc/' || path, send) AS a;

SELECT is(a.status || ' ' || (a.json ->> 'code'), want, name)
  FROM (VALUES
    ('POST', 'nope', '{}', '{}', '404 PGRST202', 'an unknown function'),
    ('POST', 'add', '{"c":1}', '{}', '404 PGRST202', 'arguments that fit none'),
    ('POST', 'add', '{"b":1}', '{}', '404 PGRST202', 'a required argument is missing'),
    ('POST', 'twice', '{"x":1}', '{}', '300 PGRST203', 'two that fit'),
    ('POST', 'sneaky', '{}', '{}', '405 25006', 'a STABLE function cannot write'),
    ('GET', 'sell?book_id=3', NULL, '{}', '405 25006', 'a GET cannot write'),
    ('POST', 'forbidden', '{}', '{}', '401 42501', 'a function without a grant'),
    ('POST', 'payment', '{}', '{}', '402 PT402', 'a function may raise a status'),
    ('POST', 'add', '{"a":"x"}', '{}', '400 22P02', 'an argument of another type'),
    ('GET', 'add?a=1&a=2', NULL, '{}', '400 PGRST100', 'an argument given twice'),
    ('POST', 'numbers', '{"n":2}', '{"accept":"application/vnd.pgrst.object+json"}', '406 PGRST116', 'a set is not one object'),
    ('PUT', 'add', '{}', '{}', '405 PGRST101', 'a method that functions do not have'),
    ('POST', 'set_config', '{"setting_name":"role","new_value":"postgres","is_local":true}', '{}', '404 PGRST202', 'functions of pg_catalog are not there: set_config'),
    ('POST', 'pg_read_file', '{"filename":"PG_VERSION"}', '{}', '404 PGRST202', 'nor pg_read_file'),
    ('POST', 'pg_sleep', '{}', '{}', '404 PGRST202', 'nor pg_sleep'),
    ('POST', 'lo_import', '{}', '{}', '404 PGRST202', 'nor lo_import'),
    ('POST', 'add', '{}', '{"content-profile":"pg_catalog"}', '406 PGRST106', 'nor by a profile')
  ) AS t(method, path, send, headers, want, name), LATERAL test.call(method, '/rest/v1/rpc/' || path, send, headers::jsonb) AS a;

SELECT is(a.json, '{"code":"PGRST202","details":"Searched for the function public.add with parameters c, d or with a single unnamed json/jsonb parameter, but no matches were found in the schema cache.",
  "hint":"Perhaps you meant to call the function public.add(a, b)","message":"Could not find the function public.add(c, d) in the schema cache"}'::jsonb, 'what was searched is told')
  FROM test.call('POST', '/rest/v1/rpc/add', '{"c":1,"d":2}'::text) AS a;
SELECT is(a.json ->> 'message', 'Could not choose the best candidate function between: public.twice(x => integer), public.twice(x => text)', 'the candidates are told')
  FROM test.call('POST', '/rest/v1/rpc/twice', '{"x":1}'::text) AS a;
SELECT is((test.call('POST', '/rest/v1/rpc/forbiden', '{}'::text)).json ->> 'hint', NULL, 'no hint names what was not asked');
SELECT is(a.status || ' ' || (a.headers ->> 'x-tea'), '418 green', 'response.status and response.headers are honoured') FROM test.call('POST', '/rest/v1/rpc/teapot', '{}'::text) AS a;
SELECT is((test.call('OPTIONS', '/rest/v1/rpc/' || path)).headers ->> 'allow', want, path || ' allows ' || want)
  FROM (VALUES ('add', 'OPTIONS,GET,HEAD,POST'), ('sell', 'OPTIONS,POST')) AS t(path, want);
SELECT is(a.status || ' ' || (a.headers ->> 'content-range'), '206 0-1/5', 'rows of a function are counted')
  FROM test.call('GET', '/rest/v1/rpc/all_books?limit=2', NULL::text, '{"prefer":"count=exact"}') AS a;
SELECT is((test.call('GET', '/rest/v1/books?id=eq.3&select=stock')).json, '[{"stock":2}]'::jsonb, 'what was refused sold nothing');
SELECT * FROM finish();
ROLLBACK;
