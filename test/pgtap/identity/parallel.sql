-- Policies know the caller in parallel workers too.
BEGIN;
SELECT plan(6);
INSERT INTO auth.users (id, email, role, aud) VALUES ('aaaaaaaa-0000-4000-8000-000000000001', 'mallory@example.org', 'authenticated', 'authenticated');
CREATE SCHEMA hostile;
GRANT USAGE, CREATE ON SCHEMA hostile TO PUBLIC;
CREATE FUNCTION hostile.run(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  IF input->'body'->>'before' IS NOT NULL THEN EXECUTE input->'body'->>'before'; END IF;
  EXECUTE input->'body'->>'sql' INTO result;
  RETURN jsonb_build_object('value', result);
END $$;
SELECT vyricon.route('POST', '/hostile/run', 'hostile.run') \gset ignored_
CREATE TABLE hostile.rows (n int PRIMARY KEY, user_id uuid, text_id text, filler text);
INSERT INTO hostile.rows SELECT i, CASE WHEN i % 10 = 0 THEN 'aaaaaaaa-0000-4000-8000-000000000001'::uuid ELSE gen_random_uuid() END,
  CASE WHEN i % 10 = 0 THEN 'aaaaaaaa-0000-4000-8000-000000000001' END, repeat('x', 100) FROM generate_series(1, 20000) i;
ALTER TABLE hostile.rows ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON hostile.rows USING (user_id = auth.uid());
CREATE POLICY own_text ON hostile.rows AS RESTRICTIVE USING (text_id = auth.user_id() AND auth.role() = 'authenticated' AND auth.jwt() ->> 'role' = 'authenticated');
GRANT SELECT ON hostile.rows TO anon, authenticated;
ANALYZE hostile.rows;
SELECT CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'debug_parallel_query' ELSE 'force_parallel_mode' END AS force \gset
SELECT set_config(:'force', 'on', true), set_config('parallel_setup_cost', '0', true), set_config('parallel_tuple_cost', '0', true),
       set_config('min_parallel_table_scan_size', '0', true), set_config('max_parallel_workers_per_gather', '2', true),
       set_config('parallel_leader_participation', 'off', true) \gset ignored_

SELECT test.as('mallory@example.org');
RESET ROLE;
SELECT is((SELECT json->>'value' FROM test.call('POST', '/hostile/run', '{"sql":"SELECT count(*) FROM hostile.rows"}'::jsonb)), '2000',
          'a caller sees its rows through parallel workers');
SELECT ok((SELECT (json->>'value')::jsonb @? '$.**."Workers Launched" ? (@ > 0)' FROM test.call('POST', '/hostile/run',
            '{"sql":"EXPLAIN (ANALYZE, FORMAT JSON) SELECT count(*) FROM hostile.rows"}'::jsonb)), 'and workers did the counting');
SELECT is((SELECT json->>'value' FROM test.call('POST', '/hostile/run',
            jsonb_build_object('before', $$DO 'BEGIN PERFORM 1/0; EXCEPTION WHEN OTHERS THEN NULL; END'$$, 'sql', 'SELECT count(*) FROM hostile.rows'))), '2000',
          'also after a savepoint');
SELECT test.as('anon');
RESET ROLE;
SELECT is((SELECT json->>'value' FROM test.call('POST', '/hostile/run', '{"sql":"SELECT count(*) FROM hostile.rows"}'::jsonb)), '0',
          'the next caller sees none of them');
SELECT test.as(NULL);
SELECT test.token('mallory@example.org') AS token \gset
SELECT auth.use_claims(:'token') \gset ignored_
SET LOCAL ROLE authenticated;
SELECT is((SELECT count(*) FROM hostile.rows), 2000::bigint, 'auth.use_claims() reaches workers');
RESET ROLE;
SELECT test.as('mallory@example.org');
SELECT is((SELECT count(*) FROM hostile.rows), 2000::bigint, 'a superuser''s claims setting reaches workers');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
