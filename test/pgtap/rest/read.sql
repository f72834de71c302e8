-- GET and HEAD on a relation: select, operators, order, pages, counts, media types.
BEGIN;
\ir fixture.psql
SELECT plan(107);
SELECT test.as('anon');

-- Each row: what is asked, the ids that come back.
SELECT is(coalesce((SELECT string_agg(b ->> 'id', ',') FROM jsonb_array_elements((test.call('GET', '/rest/v1/books?order=id&' || query)).json) AS b), ''),
          want, name)
  FROM (VALUES
    ('id=eq.2', '2', 'eq'),
    ('id=neq.2', '1,3,4,5', 'neq'),
    ('id=gt.3', '4,5', 'gt'),
    ('id=gte.3', '3,4,5', 'gte'),
    ('id=lt.2', '1', 'lt'),
    ('id=lte.2', '1,2', 'lte'),
    ('id=not.eq.2', '1,3,4,5', 'not. negates'),
    ('title=like.*eta', '2', 'like, with * for %'),
    ('title=ilike.D*', '4', 'ilike ignores case'),
    ('title=match.^[A-B]', '1,2', 'match'),
    ('title=imatch.^d', '4', 'imatch'),
    ('id=in.(1,3)', '1,3', 'in'),
    ('id=not.in.(1,3)', '2,4,5', 'not.in'),
    ('id=in.()', '', 'in with an empty list has no rows'),
    ('title=in.(Alpha,"Gamma, the \"third\"")', '1,3', 'in with quoted elements'),
    ('published=is.null', '4', 'is.null'),
    ('published=is.not_null', '1,2,3,5', 'is.not_null'),
    ('published=is.TRUE', '1,3,5', 'is.true, in any case'),
    ('published=not.is.true', '2,4', 'not.is.true'),
    ('published=is.unknown', '4', 'is.unknown'),
    ('price=isdistinct.10.5', '2,3,4,5', 'isdistinct counts null as a value'),
    ('tags=cs.{sun}', '1,2', 'cs'),
    ('tags=cd.{sun,sea,moon}', '1,2,3', 'cd'),
    ('tags=ov.{sea,snow}', '1,5', 'ov'),
    ('data=cs.{"n":2}', '2', 'cs on jsonb'),
    ('pages=sl.[15,25)', '1', 'sl'),
    ('pages=sr.[1,10)', '2,3', 'sr'),
    ('pages=nxr.[10,20)', '1,2', 'nxr'),
    ('pages=nxl.[10,20)', '2,3', 'nxl'),
    ('pages=adj.[10,20)', '1,3', 'adj'),
    ('title=fts.alpha', '1', 'fts'),
    ('title=plfts(english).the low delta', '4', 'plfts with a configuration'),
    ('title=phfts.gamma the', '3', 'phfts'),
    ('title=wfts.alpha or beta', '1,2', 'wfts'),
    ('id=eq(any).{1,2}', '1,2', 'eq(any)'),
    ('title=like(any).{A*,B*}', '1,2', 'like(any)'),
    ('title=like(all).{*a,*l*}', '1', 'like(all)'),
    ('id=gt.1&id=lt.4', '2,3', 'filters may repeat and are ANDed'),
    ('or=(id.eq.1,id.eq.5)', '1,5', 'or'),
    ('and=(id.gt.1,or(stock.eq.2,title.eq."100%25 pure"))', '2,5', 'nested logic'),
    ('not.or=(id.eq.1,id.in.(2,3))', '4,5', 'not.or'),
    ('or=(not.and(id.gt.1,id.lt.5), title.not.like.*a*)', '1,5', 'not inside a tree, with blanks'),
    ('data->n=eq.2', '2', 'a JSON path'),
    ('data->>n=eq.2', '2', 'a JSON path as text'),
    ('data->a->b->>0=eq.3', '2', 'an array position in a path'),
    ('data->a->b->>-1=eq.2', '1', 'a negative position'),
    ('tags->>0=eq.sea', '1', 'a path on a type that is not JSON'),
    ('"Odd name"=eq.y', '3', 'a quoted name'),
    ('Odd+name=eq.y', '3', 'a blank in a name'),
    ('shout=eq.ALPHA', '1', 'a computed field'),
    ('title=eq.100%25%20pure', '5', 'a percent sign in a value'),
    ('title=eq.', '', 'an empty value'),
    ('nonsense', '1,2,3,4,5', 'a part without = is dropped')
  ) AS t(query, want, name);

SELECT is((test.call('GET', '/rest/v1/books?id=lte.2&order=id&' || query)).json, want::jsonb, name)
  FROM (VALUES
    ('select=id', '[{"id":1},{"id":2}]', 'one column'),
    ('select=n:title,id', '[{"n":"Alpha","id":1},{"n":"Beta","id":2}]', 'an alias'),
    ('select=id::text', '[{"id":"1"},{"id":"2"}]', 'a cast'),
    ('select=p:price::int', '[{"p":11},{"p":20}]', 'alias and cast'),
    ('select=data->a->b', '[{"b":[1,2]},{"b":[3]}]', 'a path names its key'),
    ('select=data->>n', '[{"n":"1"},{"n":"2"}]', 'a text path'),
    ('select=first:data->a->b->0', '[{"first":1},{"first":3}]', 'an aliased path'),
    ('select=data->a->b->0', '[{"b":1},{"b":3}]', 'a position takes the name before it'),
    ('select="Odd name"', '[{"Odd name":"x"},{"Odd name":null}]', 'a quoted name'),
    ('select=id,shout', '[{"id":1,"shout":"ALPHA"},{"id":2,"shout":"BETA"}]', 'a computed field'),
    ('select=', '[{},{}]', 'an empty select'),
    ('select=id,tags,price', '[{"id":1,"tags":["sea","sun"],"price":10.50},{"id":2,"tags":["sun"],"price":20.00}]', 'arrays and numerics')
  ) AS t(query, want, name);
SELECT is((test.call('GET', '/rest/v1/books?id=eq.2')).json, '[{"id":2,"title":"Beta","price":20.00,"tags":["sun"],"data":{"a":{"b":[3]},"n":2},"stock":2,
  "published":false,"pages":"[10,20)","Odd name":null}]'::jsonb, 'without select every column comes');
SELECT is((test.call('GET', '/rest/v1/cheap?select=id&order=id')).json, '[{"id":1},{"id":2},{"id":5}]'::jsonb, 'a view is read like a table');
SELECT is((test.call('GET', '/rest/v1/notes?select=id')).json, '[{"id":1}]'::jsonb, 'row-level security holds');

SELECT is((SELECT string_agg(b ->> 'id', ',') FROM jsonb_array_elements((test.call('GET', '/rest/v1/books?' || query)).json) AS b), want, name)
  FROM (VALUES
    ('order=id.desc', '5,4,3,2,1', 'desc'),
    ('order=price', '5,1,2,3,4', 'asc puts nulls last'),
    ('order=price.desc', '4,3,2,1,5', 'desc puts nulls first'),
    ('order=price.desc.nullslast', '3,2,1,5,4', 'nullslast'),
    ('order=price.nullsfirst', '4,5,1,2,3', 'nullsfirst without a direction'),
    ('order=published.desc.nullslast,id.desc', '5,3,1,2,4', 'two columns'),
    ('order=data->n.desc.nullslast,id', '3,2,1,4,5', 'a path'),
    ('order=id&limit=2', '1,2', 'limit'),
    ('order=id&limit=2&offset=3', '4,5', 'limit and offset')
  ) AS t(query, want, name);

-- Pages: what is asked, Range and Prefer, the status, Content-Range.
SELECT is(a.status || ' ' || coalesce(a.headers ->> 'content-range', '-'), want, name)
  FROM (VALUES
    ('books', '{}', '200 0-4/*', 'no count'),
    ('books?limit=0', '{}', '200 */*', 'limit=0'),
    ('books?id=eq.9', '{}', '200 */*', 'no rows'),
    ('books?limit=2&offset=1', '{}', '200 1-2/*', 'a page'),
    ('books', '{"prefer":"count=exact"}', '200 0-4/5', 'all rows counted'),
    ('books?limit=2', '{"prefer":"count=exact"}', '206 0-1/5', 'a page of a counted total is 206'),
    ('books?id=eq.9', '{"prefer":"count=exact"}', '200 */0', 'nothing counted'),
    ('books?offset=9', '{"prefer":"count=exact"}', '416 */5', 'an offset behind the end'),
    ('books', '{"range":"1-2"}', '200 1-2/*', 'the Range header'),
    ('books', '{"range":"3-"}', '200 3-4/*', 'an open Range'),
    ('books?limit=1', '{"range":"1-3"}', '200 */*', 'Range and limit are intersected'),
    ('books', '{"range":"3-1"}', '416 -', 'an inverted Range'),
    ('books?limit=-1', '{}', '416 -', 'a negative limit'),
    ('books?id=lt.3', '{"prefer":"count=exact", "range":"0-0"}', '206 0-0/2', 'the count keeps the filters')
  ) AS t(path, send, want, name), LATERAL test.call('GET', '/rest/v1/' || path, NULL::text, send::jsonb) AS a;
SELECT matches((test.call('GET', '/rest/v1/books?limit=1', NULL::text, '{"prefer":"count=planned"}')).headers ->> 'content-range', '^0-0/[0-9]+$', 'a planned count');
SELECT test.as(NULL);
SET LOCAL vyricon.max_rows = 2;
SELECT test.as('anon');
SELECT is((test.call('GET', '/rest/v1/books?order=id&select=id')).json, '[{"id":1},{"id":2}]'::jsonb, 'security item 67: vyricon.max_rows caps a read');
SELECT is((test.call('GET', '/rest/v1/books', NULL::text, '{"prefer":"count=estimated"}')).status, 206, 'an estimated count');
SELECT test.as(NULL);
SET LOCAL vyricon.max_rows = 0;
SELECT test.as('anon');

SELECT is((test.call('GET', '/rest/v1/books?id=eq.1&select=id', NULL::text, '{"accept":"application/vnd.pgrst.object+json"}')).body, '{"id":1}', 'a single object');
SELECT is(a.status || ' ' || (a.json ->> 'code') || ' ' || (a.json ->> 'details'), want, name)
  FROM (VALUES ('id=eq.9', '406 PGRST116 The result contains 0 rows', 'none is not one'),
               ('id=lt.3', '406 PGRST116 The result contains 2 rows', 'two are not one')) AS t(query, want, name),
       LATERAL test.call('GET', '/rest/v1/books?' || query, NULL::text, '{"accept":"application/vnd.pgrst.object+json"}') AS a;
SELECT is(a.status || ' ' || coalesce(a.headers ->> 'content-type', ''), want, name)
  FROM (VALUES ('*/*', '200 application/json; charset=utf-8', 'anything'),
               ('text/html, application/json;q=0.5', '200 application/json; charset=utf-8', 'the one that is known'),
               ('application/vnd.pgrst.object+json;q=0.1, application/json', '200 application/json; charset=utf-8', 'q decides'),
               ('text/csv', '406 application/json; charset=utf-8', 'an unknown type')) AS t(accept, want, name),
       LATERAL test.call('GET', '/rest/v1/books?id=eq.1', NULL::text, jsonb_build_object('accept', accept)) AS a;
SELECT is((test.call('GET', '/rest/v1/books?id=eq.1', NULL::text, '{"prefer":"count=exact, timezone=Europe/Paris, nonsense=1"}')).headers ->> 'preference-applied',
          'count=exact, timezone=Europe/Paris', 'Preference-Applied lists what applied');
SELECT is((test.call('HEAD', '/rest/v1/books', NULL::text, '{"prefer":"count=exact"}')).headers ->> 'content-range', '0-4/5', 'HEAD counts as GET does');
SELECT is((test.call('HEAD', '/rest/v1/books')).body, '', 'HEAD has no body');

-- The very next request sees another schema.
SELECT test.as(NULL);
ALTER TABLE public.books ADD COLUMN fresh int DEFAULT 7;
ALTER TABLE public.books ALTER COLUMN stock TYPE text;
SELECT test.as('anon');
SELECT is((test.call('GET', '/rest/v1/books?id=eq.2&select=fresh')).json, '[{"fresh":7}]'::jsonb, 'a new column is there at once');
SELECT is((test.call('GET', '/rest/v1/books?stock=eq.2&select=stock')).json, '[{"stock":"2"}]'::jsonb, 'a column of another type is served at once');
SELECT is((test.call('GET', '/rest/v1/books?id=eq.2')).json -> 0 ->> 'fresh', '7', 'a kept plan of * sees the new column');
SELECT * FROM finish();
ROLLBACK;
