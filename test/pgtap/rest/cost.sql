-- vyricon.max_plan_cost: what would be too expensive is refused before it runs.
BEGIN;
\ir fixture.psql
CREATE TABLE public.many AS SELECT n AS id, n % 100 AS kind FROM generate_series(1, 50000) AS n;
ALTER TABLE public.many ADD PRIMARY KEY (id);
ANALYZE public.many;
GRANT SELECT, UPDATE ON public.many TO anon;
CREATE FUNCTION public.expensive() RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT count(*) FROM public.many $$;
GRANT EXECUTE ON FUNCTION public.expensive TO anon;
SELECT plan(9);
SELECT test.as('anon');
SELECT is((test.call('GET', '/rest/v1/many?kind=eq.1&select=id&limit=5000')).status, 200, 'without a limit everything is allowed');
RESET ROLE;
SET vyricon.max_plan_cost = 100;
SELECT test.as('anon');
SELECT is((test.call(method, '/rest/v1/' || path, send)).status, want, name)
  FROM (VALUES ('GET', 'many?id=eq.1', NULL, 200, 'a row by key is cheap'), ('GET', 'many?kind=eq.1', NULL, 413, 'a scan is refused'),
    ('GET', 'many?kind=eq.1&limit=1', NULL, 200, 'a page of it is cheap'), ('PATCH', 'many?kind=eq.1', '{"kind":1}', 413, 'so is an update'),
    ('POST', 'rpc/expensive', '{}', 413, 'and what a function does')) AS t(method, path, send, want, name);
SELECT is(a.json ->> 'hint', 'Filter by a column that has an index, or ask for fewer rows; vyricon.explain() shows the plan.', 'the refusal helps')
  FROM test.call('GET', '/rest/v1/many?kind=eq.1') AS a;
RESET ROLE;
SELECT lives_ok('SELECT count(*) FROM public.many', 'plain SQL is not limited');
SELECT test.as('anon');
SELECT throws_ok('SET vyricon.max_plan_cost = 0', '42501', NULL, 'callers cannot raise it');
SELECT * FROM finish();
ROLLBACK;
