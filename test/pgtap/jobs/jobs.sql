-- Jobs in the foreground: what one batch does, who may run it, and what the launcher tells about its workers.
BEGIN;
SELECT plan(16);

INSERT INTO auth.api_keys (kind, name, hash, prefix, expires_at) VALUES
  ('secret', 'expired long ago', sha256('a'), 'a', now() - interval '8 days'),
  ('publishable', 'expired longer ago', sha256('b'), 'b', now() - interval '1 year'),
  ('secret', 'expired yesterday', sha256('c'), 'c', now() - interval '1 day'),
  ('secret', 'expires tomorrow', sha256('d'), 'd', now() + interval '1 day'),
  ('secret', 'never expires', sha256('e'), 'e', NULL);
INSERT INTO vyricon.secrets (name, value) VALUES ('jobs test, old', 'x'), ('jobs test, live', 'x');
INSERT INTO auth.signing_keys (kid, alg, status, public_key, secret_name, expires_at) VALUES
  ('old', 'ES256', 'revoked', 'PEM', 'jobs test, old', now() - interval '8 days'),
  ('live', 'ES256', 'standby', 'PEM', 'jobs test, live', now() - interval '8 days');

SELECT is(vyricon.run_job('purge'), 3::bigint, 'the purge tells how many rows it deleted');
SELECT set_eq($$ SELECT name FROM auth.api_keys WHERE prefix IN ('a', 'b', 'c', 'd', 'e') $$,
              ARRAY['expired yesterday', 'expires tomorrow', 'never expires'], 'keys that expired a week ago are gone, no others');
SELECT set_eq($$ SELECT kid FROM auth.signing_keys WHERE kid IN ('old', 'live') $$, ARRAY['live'],
              'a signing key still in use is never purged');
SELECT set_eq($$ SELECT name FROM vyricon.secrets WHERE name LIKE 'jobs test%' $$, ARRAY['jobs test, live'],
              'a private key goes with its public one');
SELECT is(vyricon.run_job('purge'), 0::bigint, 'a second batch finds nothing');

SELECT throws_ok($$ SELECT vyricon.run_job('no such job') $$, 'VY404', 'there is no job "no such job"', 'an unknown job is an error');
CREATE FUNCTION pg_temp.hint_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  hint text;
BEGIN
  EXECUTE statement;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
  RETURN hint;
END $$;
SELECT matches(pg_temp.hint_of($$ SELECT vyricon.run_job('no such job') $$), 'purge', 'its hint names the jobs there are');

SELECT test.as('anon');
SELECT throws_ok($$ SELECT vyricon.run_job('purge') $$, '42501', NULL, 'anon runs no job');
SELECT test.as('guide@example.com');
SELECT throws_ok($$ SELECT vyricon.run_job('purge') $$, '42501', NULL, 'authenticated runs no job');
SELECT throws_ok($$ SELECT * FROM vyricon.stat_workers $$, '42501', NULL, 'authenticated sees no worker');
SELECT test.as('service_role');
SELECT is(vyricon.run_job('purge'), 0::bigint, 'service_role runs jobs');
SELECT test.as(NULL);

SELECT columns_are('vyricon', 'stat_workers', ARRAY['datname', 'pid', 'state', 'runs', 'last_run']);
SELECT is((SELECT count(*) FROM vyricon.stat_workers WHERE datname = current_database() AND state IN ('running', 'waiting')), 1::bigint,
          'this database has one worker, running or about to');
SELECT is((SELECT count(*) FROM vyricon.worker_places() WHERE (pid IS NOT NULL) <> (state = 'running')), 0::bigint,
          'a place has a pid exactly when its worker runs');
SELECT throws_like($$ SELECT vyricon.changed() $$, '%trigger%', 'vyricon.changed() is a trigger function and nothing else');
SELECT ok((SELECT bool_and(sql <> '') AND count(*) > 10 FROM vyricon.platform_queries()), 'vyricon.platform_queries() lists statements');

SELECT * FROM finish();
ROLLBACK;
