-- POST, PATCH and DELETE on a relation: bodies, return=, upsert, and what rolls back.
BEGIN;
\ir fixture.psql
SELECT plan(56);
SELECT test.as('anon');

-- Each row is one request: status, Content-Range and body.
SELECT is(a.status || ' ' || coalesce(a.headers ->> 'content-range', '-') || ' ' || a.body, want, name)
  FROM (VALUES
    ('POST', 'lines', '{"book":1,"line":1,"body":"one"}', '', '201 */* ', 'one object is inserted, and nothing is returned'),
    ('POST', 'lines?select=line,body', '{"book":1,"line":2}', 'return=representation', '201 */* [{"line":2,"body":"empty"}]', 'a column left out takes its default'),
    ('POST', 'lines', '[{"book":2,"line":1,"body":"a"},{"line":2,"book":2,"body":null}]', 'count=exact', '201 */2 ', 'an array is inserted, and counted'),
    ('POST', 'lines?select=line&order=line.desc', '[{"book":3,"line":1},{"book":3,"line":2}]', 'return=representation', '201 */* [{"line":2},{"line":1}]',
      'the representation is ordered'),
    ('POST', 'lines', '[]', 'return=representation', '201 */* []', 'an empty array inserts nothing'),
    ('POST', 'nokey', '{}', 'return=representation', '201 */* [{"v":null}]', 'an empty object inserts the defaults'),
    ('POST', 'nokey?columns=v', '[{"v":1,"more":2}]', 'return=representation', '201 */* [{"v":1}]', 'columns= takes only these keys'),
    ('POST', 'lines?columns=book,line,body', '[{"book":4,"line":1}]', 'return=representation', '201 */* [{"book":4,"line":1,"body":null}]',
      'a key missing from columns= is null'),
    ('POST', 'lines?columns=book,line,body', '[{"book":4,"line":2}]', 'return=representation,missing=default', '201 */* [{"book":4,"line":2,"body":"empty"}]',
      'or the default, by missing=default'),
    ('POST', 'lines?columns=book,line,body', '[{"book":4,"line":3},{"book":4,"line":4,"body":"b"}]', 'return=representation,missing=default',
      '201 */* [{"book":4,"line":3,"body":"empty"},{"book":4,"line":4,"body":"b"}]', 'missing=default works row by row'),
    ('POST', 'books?select=tags,data,pages,price,title', '{"title":7,"price":"1.5","tags":["a",null],"data":{"k":[true]},"pages":"[1,2)"}', 'return=representation',
      '201 */* [{"tags":["a",null],"data":{"k": [true]},"pages":"[1,2)","price":1.50,"title":"7"}]', 'values take the types of their columns'),
    ('POST', 'books?select=tags,data', '{"title":"x","tags":"{b}","data":"text"}', 'return=representation', '201 */* [{"tags":["b"],"data":"text"}]',
      'a string is an array literal, or a JSON string'),
    ('POST', 'cheap?select=title', '{"title":"via view"}', 'return=representation', '201 */* [{"title":"via view"}]', 'a view that is updatable takes rows'),
    ('PATCH', 'lines?book=eq.1', '{"body":"new"}', '', '204 0-1/* ', 'rows are updated'),
    ('PATCH', 'lines?book=eq.1&order=line&select=line', '{"body":"new"}', 'return=representation', '200 0-1/* [{"line":1},{"line":2}]', 'and returned'),
    ('PATCH', 'lines?book=eq.9', '{"body":"new"}', 'count=exact', '204 */0 ', 'no row fits'),
    ('PATCH', 'lines?book=eq.1', '{}', 'return=representation', '200 */* []', 'an empty object changes nothing'),
    ('PATCH', 'lines?book=eq.1&line=eq.1&select=body', '[{"body":"first"},{"body":"second"}]', 'return=representation', '200 0-0/* [{"body":"first"}]',
      'of an array the first object counts'),
    ('PATCH', 'books?id=eq.1&select=tags,data', '{"tags":["q"],"data":null}', 'return=representation', '200 0-0/* [{"tags":["q"],"data":null}]', 'arrays and nulls are set'),
    ('DELETE', 'lines?book=eq.2&select=line', NULL, 'return=representation', '200 */* [{"line":1},{"line":2}]', 'rows are deleted and returned'),
    ('DELETE', 'lines?book=eq.3', NULL, 'count=exact', '204 */2 ', 'rows are deleted and counted'),
    ('DELETE', 'lines?book=eq.3', NULL, '', '204 */* ', 'nothing is left to delete')
  ) AS t(method, path, send, prefer, want, name), LATERAL test.call(method, '/rest/v1/' || path, send, jsonb_build_object('prefer', prefer)) AS a;

SELECT is(a.headers ->> 'location', '/rest/v1/books?id=eq.77', 'headers-only tells where the row is')
  FROM test.call('POST', '/rest/v1/books', '{"id":77,"title":"located"}'::text, '{"prefer":"return=headers-only"}') AS a;
SELECT is(a.headers ->> 'location', '/rest/v1/lines?book=eq.8&line=eq.9', 'with every column of the key')
  FROM test.call('POST', '/rest/v1/lines', '{"book":8,"line":9}'::text, '{"prefer":"return=headers-only"}') AS a;
SELECT is(a.headers ->> 'preference-applied', 'missing=default, return=representation, count=exact', 'Preference-Applied of an insert')
  FROM test.call('POST', '/rest/v1/lines', '{"book":8,"line":10}'::text, '{"prefer":"return=representation, count=exact, missing=default"}') AS a;

-- Upsert.
SELECT is(a.status || ' ' || a.body || ' ' || coalesce(a.headers ->> 'preference-applied', '-'), want, name)
  FROM (VALUES
    ('lines?select=body', '{"book":20,"line":1,"body":"a"}', 'merge-duplicates', '201 [{"body":"a"}] resolution=merge-duplicates, return=representation', 'a new row is merged in with 201'),
    ('lines?select=body', '{"book":20,"line":1,"body":"b"}', 'merge-duplicates', '200 [{"body":"b"}] resolution=merge-duplicates, return=representation', 'an old one is updated with 200'),
    ('lines?select=line,body', '[{"book":20,"line":1,"body":"c"},{"book":20,"line":2,"body":"c"}]', 'merge-duplicates',
      '201 [{"line":1,"body":"c"},{"line":2,"body":"c"}] resolution=merge-duplicates, return=representation', 'some of each is 201'),
    ('lines?select=line,body', '[{"book":20,"line":1,"body":"d"},{"book":20,"line":3,"body":"d"}]', 'ignore-duplicates',
      '201 [{"line":3,"body":"d"}] resolution=ignore-duplicates, return=representation', 'duplicates are ignored'),
    ('lines?on_conflict=book,line&select=body', '{"book":20,"line":1,"body":"e"}', 'merge-duplicates', '200 [{"body":"e"}] resolution=merge-duplicates, return=representation', 'on_conflict names the key'),
    ('nokey', '{"v":5}', 'merge-duplicates', '201 [{"v":5}] return=representation', 'without a key the preference does not apply')
  ) AS t(path, send, resolution, want, name),
  LATERAL test.call('POST', '/rest/v1/' || path, send, jsonb_build_object('prefer', 'return=representation, resolution=' || resolution)) AS a;

-- What is refused leaves nothing behind.
SELECT is(a.status || ' ' || (a.json ->> 'code'), want, name)
  FROM (VALUES
    ('POST', 'lines', '{"book":1,"line":30,"nope":1}', '{}', '400 PGRST204', 'an unknown key'),
    ('POST', 'lines', '[{"book":1,"line":30},{"book":1}]', '{}', '400 PGRST102', 'keys that do not match'),
    ('POST', 'lines', '[{"book":1,"line":30},7]', '{}', '400 PGRST102', 'an item that is no object'),
    ('POST', 'lines', '{"book":1,', '{}', '400 PGRST102', 'broken JSON'),
    ('POST', 'lines', '', '{}', '400 PGRST102', 'an empty body'),
    ('POST', 'lines', '"text"', '{}', '400 PGRST102', 'a body that is no object'),
    ('POST', 'lines', 'a=b', '{"content-type":"text/plain"}', '400 PGRST102', 'another content type'),
    ('POST', 'lines', '{"book":1,"line":1}', '{}', '409 23505', 'a duplicate'),
    ('POST', 'lines', '{"book":"x","line":1}', '{}', '400 22P02', 'a value of another type'),
    ('POST', 'books', '{"title":null}', '{}', '400 23502', 'a null where none may be'),
    ('POST', 'books', '{"title":"t","price":-1}', '{}', '400 23514', 'a check constraint'),
    ('POST', 'books', '{"title":"t","Odd name":"far too long"}', '{}', '400 22001', 'a text too long'),
    ('POST', 'hidden', '{"id":2}', '{}', '401 42501', 'a table without a grant'),
    ('POST', 'notes', '{"id":9,"author":"service_role"}', '{}', '401 42501', 'a row the policy forbids'),
    ('PATCH', 'notes?id=eq.1', '{"author":"service_role"}', '{}', '401 42501', 'a row moved out of the policy'),
    ('PATCH', 'lines?book=eq.20', '{"body":"single"}', '{"accept":"application/vnd.pgrst.object+json"}', '406 PGRST116', 'several rows where one is wanted'),
    ('DELETE', 'lines?book=eq.20', NULL, '{"accept":"application/vnd.pgrst.object+json"}', '406 PGRST116', 'several rows deleted where one is wanted'),
    ('POST', 'lines', '[{"book":30,"line":1},{"book":30,"line":2}]', '{"accept":"application/vnd.pgrst.object+json"}', '406 PGRST116', 'several rows inserted where one is wanted'),
    ('DELETE', 'lines?book=eq.20', NULL, '{"prefer":"handling=strict, max-affected=1"}', '400 PGRST124', 'more rows than max-affected'),
    ('DELETE', 'lines?book=eq.20', NULL, '{"prefer":"handling=strict, nonsense"}', '400 PGRST122', 'an unknown preference, strictly'),
    ('PATCH', 'books?id=eq.1', '{"role":"admin","balance":1}', '{}', '400 PGRST204', 'columns that are not there')
  ) AS t(method, path, send, headers, want, name), LATERAL test.call(method, '/rest/v1/' || path, send, headers::jsonb) AS a;
SELECT is((test.call('GET', '/rest/v1/lines?book=gte.20&body=neq.single&order=book,line&select=book,line')).json,
          '[{"book":20,"line":1},{"book":20,"line":2},{"book":20,"line":3}]'::jsonb, 'every refused mutation is undone');
SELECT is(a.status || ' ' || a.body, '200 {"body":"one row"}', 'a single row changed comes as an object')
  FROM test.call('PATCH', '/rest/v1/lines?book=eq.20&line=eq.2&select=body', '{"body":"one row"}'::text,
                 '{"accept":"application/vnd.pgrst.object+json","prefer":"return=representation"}') AS a;
SELECT is((test.call('DELETE', '/rest/v1/notes')).status, 204, 'a delete without filter is allowed');
SELECT test.as('service_role');
SELECT is((test.call('GET', '/rest/v1/notes?select=id')).json, '[{"id":2}]'::jsonb, 'and touches what the caller may touch');
SELECT * FROM finish();
ROLLBACK;
