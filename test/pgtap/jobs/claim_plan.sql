-- The worker looks for due jobs after many commits: what is due later, however much, must not be read for that.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(5);
INSERT INTO vyricon.jobs (kind, repeatable, max_attempts, run_at, role_name, idempotency_key, request)
  SELECT (ARRAY['http', 'sql'])[1 + n % 2], true, 5, now() + interval '1 day' + n * interval '1 second', 'postgres', 'vyr_' || n, '' FROM generate_series(1, 40000) AS n;
ANALYZE vyricon.jobs;
CREATE FUNCTION pg_temp.bounds_of(statement text) RETURNS SETOF text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  query record;
  plan json;
BEGIN
  SELECT q.sql, q.argument_types INTO STRICT query FROM vyricon.platform_queries() AS q WHERE q.sql LIKE statement;
  EXECUTE 'PREPARE judged (' || array_to_string(query.argument_types, ', ') || ') AS ' || query.sql;
  EXECUTE 'EXPLAIN (FORMAT JSON) EXECUTE judged (' || array_to_string(array_fill('NULL'::text, ARRAY[cardinality(query.argument_types)]), ', ') || ')' INTO plan;
  DEALLOCATE judged;
  RETURN QUERY SELECT node ->> 'Index Cond' FROM jsonb_path_query(plan::jsonb, 'strict $.** ? (@."Index Name" starts with "jobs_due" || @."Index Name" starts with "jobs_sql_due")') AS node;
END $$;
SELECT matches(string_agg(bound, ' '), expected, statement)
  FROM (VALUES ('UPDATE vyricon.jobs AS j SET state = ''in_flight''%q.kind <> ''sql''%', 'run_at <= \$'),
               ('UPDATE vyricon.jobs AS j SET state = ''in_flight''%q.kind = ''sql''%', 'run_at <= \$'),
               ('SELECT count(*)::int4 FROM (VALUES%q.kind = ''sql''%', 'run_at <= \$'),
               ('SELECT LEAST(%q.kind <> ''sql''%', 'run_at > \$'), ('SELECT min(first.run_at)%q.kind = ''sql''%', 'run_at > \$')) AS t(statement, expected),
       pg_temp.bounds_of(statement) AS bound GROUP BY statement, expected;
SELECT * FROM finish();
ROLLBACK;
