-- How /rest/v1 says no, and what hostile requests get.
BEGIN;
\ir fixture.psql
CREATE SCHEMA other;
CREATE TABLE other.things (id int);
GRANT USAGE ON SCHEMA other TO anon;
GRANT SELECT ON other.things TO anon;
SELECT plan(59);
SELECT test.as('anon');

SELECT is(a.body, want, name)
  FROM (VALUES
    ('book', '{"code":"PGRST205","details":null,"hint":"Perhaps you meant the table ''public.books''","message":"Could not find the table ''public.book'' in the schema cache"}',
      'four keys in their order, and a hint'),
    ('hiddn', '{"code":"PGRST205","details":null,"hint":null,"message":"Could not find the table ''public.hiddn'' in the schema cache"}', 'no hint names a table that the caller may not see'),
    ('books?nope=eq.1', '{"code":"42703","details":null,"hint":null,"message":"column books.nope does not exist"}', 'an unknown column'),
    ('books?id=xx.1', '{"code":"PGRST100","details":"unexpected \"x\" expecting \"not\" or operator (eq, gt, ...)","hint":null,"message":"\"failed to parse filter (xx.1)\" (line 1, column 1)"}',
      'an unknown operator'),
    ('books?other.id=eq.1', '{"code":"PGRST108","details":null,"hint":"Verify that ''other'' is included in the ''select'' query parameter.","message":"''other'' is not an embedded resource in this request"}',
      'a filter on what is not embedded')
  ) AS t(path, want, name), LATERAL test.call('GET', '/rest/v1/' || path) AS a;

SELECT is(a.status || ' ' || (a.json ->> 'code'), want, name)
  FROM (VALUES
    ('GET', 'nope', '{}', '404 PGRST205', 'an unknown table'),
    ('GET', 'hidden', '{}', '401 42501', 'a table without a grant'),
    ('GET', 'books/1', '{}', '404 PGRST125', 'a deeper path'),
    ('PUT', 'books', '{}', '405 PGRST117', 'a method that tables do not have'),
    ('GET', 'books?id=eq.x', '{}', '400 22P02', 'a literal of another type'),
    ('GET', 'books?select=id&select=title', '{}', '400 PGRST100', 'security item 53: select twice'),
    ('GET', 'books?limit=1&limit=2', '{}', '400 PGRST100', 'security item 53: limit twice'),
    ('GET', 'books?limit=x', '{}', '400 PGRST100', 'a limit that is no number'),
    ('GET', 'books?select=id,', '{}', '400 PGRST100', 'a select with an end missing'),
    ('GET', 'books?select=id.sum()', '{}', '400 PGRST123', 'an aggregate'),
    ('GET', 'books?select=id,lines(*)', '{}', '400 PGRST127', 'an embed'),
    ('GET', 'books?order=id.up', '{}', '400 PGRST100', 'an unknown direction'),
    ('GET', 'books?order=lines(id)', '{}', '400 PGRST108', 'an order by what is not embedded'),
    ('GET', 'books?or=(id.eq.1', '{}', '400 PGRST100', 'a tree with its end missing'),
    ('GET', 'books?or=()', '{}', '400 PGRST100', 'an empty tree'),
    ('GET', 'books?id=in.1,2', '{}', '400 PGRST100', 'in without parentheses'),
    ('GET', 'books?id=is.maybe', '{}', '400 PGRST100', 'is with another word'),
    ('GET', 'books?id=eq(some).{1}', '{}', '400 PGRST100', 'an unknown modifier'),
    ('GET', 'books?id=%FF', '{}', '400 PGRST100', 'bytes that are no UTF-8'),
    ('GET', 'books', '{"accept-profile":"other"}', '406 PGRST106', 'a schema that is not exposed'),
    ('GET', 'pg_authid', '{"accept-profile":"pg_catalog"}', '406 PGRST106', 'security item 5: pg_catalog is never exposed'),
    ('GET', 'pg_authid', '{}', '404 PGRST205', 'security item 5: nor found without a profile'),
    ('GET', 'books', '{"prefer":"timezone=Nowhere/Never"}', '400 22023', 'an unknown time zone'),
    ('GET', 'books', '{"prefer":"handling=strict, foo=bar"}', '400 PGRST122', 'an unknown preference, strictly'),
    -- injection: each of these is a name or a value that is not there, and nothing else
    ('GET', 'books?id=eq.1;DROP TABLE public.books', '{}', '400 22P02', 'a value with a statement in it'),
    ('GET', 'books?id=eq.1%20OR%201=1', '{}', '400 22P02', 'a value with a condition in it'),
    ('GET', 'books?id=eq.1::regclass', '{}', '400 22P02', 'security item 5: a value with a cast in it'),
    ('GET', 'books?id::regclass=eq.1', '{}', '400 PGRST100', 'security item 5: a cast in a filter''s name'),
    ('GET', 'books?select=%22id%22%22;--%22', '{}', '400 PGRST100', 'security item 42: a quote in a name'),
    ('GET', 'books?select=%22id\%22;--%22', '{}', '400 42703', 'security item 42: an escaped quote in a name'),
    ('GET', 'books?select=id::text);--', '{}', '400 PGRST100', 'a cast that goes on'),
    ('GET', 'books?select=id::nope', '{}', '400 42704', 'a cast to an unknown type'),
    ('GET', 'books?select=id::%22int4;drop%22', '{}', '400 42601', 'a cast to a broken type'),
    ('GET', 'books?order=id;select', '{}', '400 PGRST100', 'an order that goes on'),
    ('GET', 'books?order=(select 1)', '{}', '400 PGRST100', 'an expression in order'),
    ('GET', 'books?select=ctid', '{}', '400 42703', 'a system column'),
    ('GET', 'books?' || repeat('x', 64) || '=eq.1', '{}', '400 42703', 'security item 42: a name of 64 bytes'),
    ('GET', repeat('x', 64), '{}', '404 PGRST205', 'security item 42: a table name of 64 bytes'),
    ('GET', 'books%22', '{}', '404 PGRST205', 'security item 42: a quote in a table name'),
    ('GET', 'books?%EF%BC%82id=eq.1', '{}', '400 42703', 'security item 42: a full-width quote'),
    ('GET', 'books?data-%3E%27a%27=eq.1', '{}', '400 PGRST100', 'a quote in a path'),
    ('GET', 'books?title=fts(nope).x', '{}', '400 42704', 'an unknown text search configuration'),
    ('GET', 'books?or=' || repeat('and(', 40) || 'id.eq.1' || repeat(')', 40), '{}', '400 PGRST100', 'nesting beyond the bound'),
    ('GET', 'books?or=(' || repeat('id.eq.1,', 100) || 'id.eq.2)', '{}', '400 PGRST100', 'more filters than the bound')
  ) AS t(method, path, headers, want, name), LATERAL test.call(method, '/rest/v1/' || path, NULL::text, headers::jsonb) AS a;

SELECT is(a.headers ->> 'proxy-status', 'PostgREST; error=PGRST205', 'Proxy-Status names the code') FROM test.call('GET', '/rest/v1/nope') AS a;
SELECT is(a.headers ->> 'www-authenticate', 'Bearer', 'a 401 asks for a token') FROM test.call('GET', '/rest/v1/hidden') AS a;
SELECT is(a.headers ->> 'cache-control', 'private, no-cache', 'security item 59: answers may be compared but not shared') FROM test.call('GET', '/rest/v1/books') AS a;
SELECT is(a.headers ->> 'content-type', 'application/json; charset=utf-8', 'stored markup comes back as JSON') FROM test.call('GET', '/rest/v1/books') AS a;
SELECT is((test.call('OPTIONS', '/rest/v1/' || path)).headers ->> 'allow', want, path || ' allows ' || want)
  FROM (VALUES ('books', 'OPTIONS,GET,HEAD,POST,PATCH,DELETE'), ('cheap', 'OPTIONS,GET,HEAD,POST,PATCH,DELETE')) AS t(path, want);
SELECT is((SELECT count(*) FROM jsonb_array_elements((test.call('GET', '/rest/v1/books')).json)), 5::bigint, 'no row was lost');

-- An exposed second schema.
SELECT test.as(NULL);
SET LOCAL vyricon.schemas = 'public, other, pg_catalog';
SELECT test.as('anon');
SELECT is(a.status || ' ' || (a.headers ->> 'content-profile'), '200 other', 'a second schema is served by its name')
  FROM test.call('GET', '/rest/v1/things', NULL::text, '{"accept-profile":"other"}') AS a;
SELECT is((test.call('GET', '/rest/v1/things')).status, 404, 'the first schema is the default');
SELECT is((test.call('GET', '/rest/v1/pg_authid', NULL::text, '{"accept-profile":"pg_catalog"}')).status, 406, 'security item 5: pg_catalog is refused even when listed');
SELECT * FROM finish();
ROLLBACK;
