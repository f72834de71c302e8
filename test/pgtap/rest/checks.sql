-- CHECK constraints hold in requests as they do everywhere: kept trees follow every change of the constraints and of what they call.
BEGIN;
\ir fixture.psql
CREATE TABLE public.checked (id int PRIMARY KEY, n int CONSTRAINT small CHECK (n < 10), m int, CONSTRAINT ordered CHECK (n <= m));
CREATE TABLE public.parts (k int, n int CONSTRAINT positive CHECK (n > 0)) PARTITION BY LIST (k);
CREATE TABLE public.parts_1 PARTITION OF public.parts (CONSTRAINT part_small CHECK (n < 5)) FOR VALUES IN (1);
CREATE FUNCTION public.allowed(n int) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT n <> 3 $$;
GRANT SELECT, INSERT, UPDATE ON public.checked, public.parts TO anon;
GRANT EXECUTE ON FUNCTION public.allowed TO anon;
SELECT plan(18);
SELECT test.as('anon');

-- The verdict of a POST: 201, or the constraint that refused it.
CREATE FUNCTION pg_temp.verdict(path text, send text, method text DEFAULT 'POST') RETURNS text LANGUAGE sql AS $$
  SELECT coalesce(substring(a.body FROM 'violates check constraint \\"([a-z_]+)'), a.status::text) FROM test.call(method, '/rest/v1/' || path, send) AS a
$$;
SELECT is(pg_temp.verdict(path, send, method), want, name)
  FROM (VALUES
    ('POST', 'checked', '{"id":1,"n":1,"m":2}', '201', 'a row that fits every constraint'),
    ('POST', 'checked', '{"id":2,"n":10,"m":20}', 'small', 'a column''s constraint refuses'),
    ('POST', 'checked', '{"id":2,"n":5,"m":4}', 'ordered', 'the table''s constraint refuses'),
    ('POST', 'checked', '{"id":2,"n":null,"m":4}', '201', 'null is not false'),
    ('POST', 'checked', '[{"id":3,"n":1,"m":1},{"id":4,"n":11,"m":12}]', 'small', 'each row of many is checked'),
    ('PATCH', 'checked?id=eq.1', '{"n":3}', 'ordered', 'an update is checked'),
    ('PATCH', 'checked?id=eq.1', '{"n":2}', '204', 'and done when it fits'),
    ('PATCH', 'checked?id=eq.99', '{"n":3}', '204', 'no row, no check'),
    ('POST', 'parts', '{"k":1,"n":0}', 'positive', 'a partition has its parent''s constraint'),
    ('POST', 'parts', '{"k":1,"n":7}', 'part_small', 'and its own'),
    ('POST', 'parts', '{"k":1,"n":1}', '201', 'a row that fits the partition')
  ) AS t(method, path, send, want, name);

RESET ROLE;
ALTER TABLE public.checked DROP CONSTRAINT small, ADD CONSTRAINT small CHECK (n < 100), ADD CONSTRAINT allowed CHECK (public.allowed(n));
SELECT test.as('anon');
SELECT is(pg_temp.verdict('checked', '{"id":5,"n":50,"m":60}'), '201', 'a changed constraint is the one that counts');
SELECT is(pg_temp.verdict('checked', '{"id":6,"n":100,"m":200}'), 'small', 'with its new limit');
SELECT is(pg_temp.verdict('checked', '{"id":6,"n":3,"m":4}'), 'allowed', 'a constraint that calls a function refuses');
RESET ROLE;
CREATE OR REPLACE FUNCTION public.allowed(n int) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT n <> 4 $$;
SELECT test.as('anon');
SELECT is(pg_temp.verdict('checked', '{"id":6,"n":3,"m":4}'), '201', 'and follows the function');
SELECT is(pg_temp.verdict('checked', '{"id":7,"n":4,"m":4}'), 'allowed', 'as it is now');
RESET ROLE;
ALTER TABLE public.checked DROP CONSTRAINT small;
SELECT test.as('anon');
SELECT is(pg_temp.verdict('checked', '{"id":8,"n":1000,"m":2000}'), '201', 'a dropped constraint is gone');
SELECT is(pg_temp.verdict('books', '{"title":"x","price":-1}'), 'books_price_check', 'another table has its own');
SELECT * FROM finish();
ROLLBACK;
