-- Every statement that the extension runs on its own tables finds its rows by an index, with 100,000 rows in each table.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(3 + (SELECT count(*)::int + count(*) FILTER (WHERE sql ~ 'run_at [<>]=? (now|clock_timestamp)')::int FROM vyricon.platform_queries()));

INSERT INTO vyricon.setup_steps SELECT 'step ' || n FROM generate_series(1, 100000) AS n;
INSERT INTO vyricon.secrets SELECT 'secret ' || n, '\x00' FROM generate_series(1, 100000) AS n;
INSERT INTO vyricon.exposed SELECT 'schema ' || n % 100, 'table ' || n, 'user_id', NULL, '{}' FROM generate_series(1, 100000) AS n;
INSERT INTO vyricon.custom_routes (method, pattern, function_schema, function_name, takes)
  SELECT 'GET', '/route/' || n, 'public', 'f' || n, 'jsonb' FROM generate_series(1, 100000) AS n;
INSERT INTO vyricon.rate_limits (method, pattern, per, rate) SELECT '*', '/limit/' || n, 'address', '1/s' FROM generate_series(1, 100000) AS n;
INSERT INTO vyricon.idempotency_keys SELECT 'user ' || n % 1000, 'key ' || n, '', 200, '{}', '', now() + n * interval '1 second' FROM generate_series(1, 100000) AS n;
INSERT INTO vyricon.jobs (kind, state, repeatable, max_attempts, run_at, lease_until, finished_at, role_name, subject, key, idempotency_key, request)
  SELECT CASE WHEN n % 8 IN (1, 2, 4) THEN 'sql' ELSE 'http' END, (ARRAY['queued', 'done', 'in_flight', 'failed'])[1 + n % 4], true, 5, now() + n * interval '1 second', now() + n * interval '1 minute',
         CASE n % 4 WHEN 1 THEN now() - n * interval '1 minute' END, 'postgres', 'subject ' || n % 1000, 'key ' || n, 'vyr_' || n, ''
    FROM generate_series(1, 100000) AS n;
INSERT INTO vyricon.mailbox (job, sent_at, sender, recipients, subject, message)
  SELECT n, now() - n * interval '1 minute', 'a@example.com', '{b@example.com}', 'subject', '' FROM generate_series(1, 100000) AS n;
INSERT INTO vyricon.schedules (name, every, cron, time_zone, kind, payload, enabled, next_at, role_name)
  SELECT 'schedule ' || n, CASE WHEN n % 2 = 0 THEN interval '1 hour' END, CASE WHEN n % 2 = 1 THEN '@daily' END, 'UTC', 'http', '{}', n % 10 > 0,
         now() + n * interval '1 second', 'postgres' FROM generate_series(1, 100000) AS n;
INSERT INTO vyricon.events (id, at, kind, ref)
  SELECT CASE WHEN n <= 99000 THEN n END, now() - n * interval '1 minute', 'job.done', n FROM generate_series(1, 100000) AS n;
INSERT INTO vyricon.tickets (hash, job, role_name, expires_at)
  SELECT sha256(n::text::bytea), n, 'authenticated', now() + n * interval '1 second' FROM generate_series(1, 100000) AS n;
INSERT INTO auth.users (email, role, is_sso_user, created_at, phone)
  SELECT 'user' || n || '@many.example', 'authenticated', n % 10 = 0, now() - n * interval '1 minute', n FROM generate_series(1, 100000) AS n;
INSERT INTO auth.api_keys (kind, name, hash, prefix, expires_at)
  SELECT 'secret', 'key ' || n, sha256(n::text::bytea), 'sb_', CASE WHEN n % 2 = 0 THEN now() + n * interval '1 minute' END FROM generate_series(1, 100000) AS n;
INSERT INTO auth.signing_keys (kid, alg, status, public_key, secret_name, created_at, expires_at)
  SELECT 'kid' || n, 'ES256', CASE WHEN n % 2 = 0 THEN 'previous' ELSE 'revoked' END, 'pem', 'key' || n, now() - n * interval '1 minute', now() + n * interval '1 minute'
    FROM generate_series(1, 100000) AS n;

CREATE TEMP TABLE platform AS
  SELECT c.oid::regclass AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p') AND c.relowner = 'vyricon_owner'::regrole;
DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT name FROM platform LOOP EXECUTE format('ANALYZE %s', t); END LOOP; END $$;

-- These hold one row by their constraint.
CREATE TEMP TABLE single AS SELECT unnest('{installation,event_counter}'::text[]) AS name;
SELECT set_eq($$ SELECT p.name::text FROM platform AS p JOIN pg_class AS c ON c.oid = p.name WHERE c.reltuples < 100000 $$,
  (SELECT array_agg('vyricon.' || name) FROM single), 'every platform table of many rows is large');

-- The plan for any value, as the extension keeps it: generic, with its search_path, without row security.
CREATE FUNCTION pg_temp.plan_of(sql text, types regtype[]) RETURNS jsonb LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'PREPARE judged' || coalesce('(' || nullif(array_to_string(types, ', '), '') || ')', '') || ' AS ' || sql;
  EXECUTE 'EXPLAIN (FORMAT JSON) EXECUTE judged' || coalesce('(' || nullif(array_to_string(array_fill('NULL'::text, ARRAY[cardinality(types)]), ', '), '') || ')', '')
    INTO plan;
  DEALLOCATE judged;
  RETURN plan;
END $$;

-- What is wrong with a plan: a scan of a whole table of ours, or a sort of more than a thousand rows. Empty: nothing.
CREATE FUNCTION pg_temp.faults(plan jsonb) RETURNS text LANGUAGE sql AS $$
  SELECT coalesce(string_agg(node ->> 'Node Type' || ' ' || coalesce(node ->> 'Relation Name', ''), ', '), '')
    FROM jsonb_path_query(plan, 'strict $.** ? (@."Node Type" == "Seq Scan" || @."Node Type" == "Sort" || @."Node Type" == "Incremental Sort")') AS node
   WHERE CASE node ->> 'Node Type' WHEN 'Seq Scan' THEN node ->> 'Relation Name' IN (SELECT relname FROM platform AS p JOIN pg_class AS c ON c.oid = p.name)
                                                        AND node ->> 'Relation Name' NOT IN (SELECT name FROM single)
              ELSE (node ->> 'Plan Rows')::numeric > 1000 END
$$;

SELECT matches(pg_temp.faults(pg_temp.plan_of('SELECT * FROM auth.users WHERE raw_app_meta_data IS NULL', '{}')), 'Seq Scan users', 'a sequential scan is seen');
SELECT matches(pg_temp.faults(pg_temp.plan_of('SELECT * FROM auth.users ORDER BY raw_user_meta_data', '{}')), 'Sort', 'a large sort is seen');
SELECT ok(pg_temp.plan_of(sql, argument_types)::text ~ '"Index Cond": "([^"\\]|\\.)*run_at [<>]=? now\(\)', 'due jobs are not looked for among those of later: ' || left(sql, 30))
  FROM vyricon.platform_queries() WHERE sql ~ 'run_at [<>]=? (now|clock_timestamp)';
SELECT is(pg_temp.faults(pg_temp.plan_of(sql, argument_types)), '', regexp_replace(left(sql, 120), '\s+', ' ', 'g')) FROM vyricon.platform_queries();
SELECT * FROM finish();
ROLLBACK;
