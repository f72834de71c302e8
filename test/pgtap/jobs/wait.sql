-- Waiting for a job's end: who gets a ticket for the shim, what it is good for, for whom, and how often.
BEGIN;
SELECT plan(45);

CREATE FUNCTION public.send_for_user() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS
  $$ SELECT vyricon.enqueue('http', '{"url":"https://example.com/"}') $$;
CREATE TEMP TABLE mine (id bigint);
CREATE TEMP TABLE held (ticket text, secret text, number bigint);
GRANT ALL ON mine, held TO authenticated;
CREATE FUNCTION pg_temp.ask(prefer text, method text DEFAULT 'GET') RETURNS TABLE (status int, headers jsonb, json jsonb, wait text) LANGUAGE sql AS $$
  SELECT a.status, a.headers, a.json, a.headers ->> 'x-vyricon-shim-wait'
    FROM mine, test.call(method, '/jobs/v1/' || id, NULL::text, jsonb_build_object('prefer', prefer)) AS a $$;
CREATE FUNCTION pg_temp.tickets() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM vyricon.tickets';
SELECT test.as('guide@example.com');
INSERT INTO mine SELECT public.send_for_user();

-- Who gets a ticket.
SELECT is(wait, NULL, 'who does not ask to wait gets no ticket') FROM pg_temp.ask(NULL);
SELECT is(headers ->> 'preference-applied', NULL, 'and no preference was applied') FROM pg_temp.ask(NULL);
SELECT is(pg_temp.tickets(), 0::bigint, 'and nothing was written');
SELECT is(coalesce(headers ->> 'preference-applied', 'none') || ' ' || coalesce(split_part(wait, ' ', 2), 'none'), want, coalesce(prefer, 'no preference'))
  FROM (VALUES ('wait=10', 'wait=10 10000'), ('WAIT=1', 'wait=1 1000'), ('return=minimal,	wait=2 ', 'wait=2 2000'), ('wait=3, wait=4', 'wait=3 3000'),
               ('wait=1000000', 'wait=30 30000'), ('wait=0', 'none none'), ('wait=-1', 'none none'), ('wait=1.5', 'none none'), ('wait=', 'none none'),
               ('wait', 'none none'), ('await=5', 'none none'), ('wait=1000000000000000', 'none none'), (',', 'none none')) AS t(prefer, want),
       LATERAL pg_temp.ask(prefer);
SELECT is(json ->> 'state', 'queued', 'what is to be said now is in that answer too') FROM pg_temp.ask('wait=10');
SELECT matches(wait, '^\d+\.[0-9a-f]{64} 10000$', 'a ticket is a number and 32 random bytes') FROM pg_temp.ask('wait=10');
SELECT matches(wait, '^\d+\.[0-9a-f]{64} 10000$', 'HEAD waits as GET does') FROM pg_temp.ask('wait=10', 'HEAD');
SELECT test.as('traveller@example.com');
SELECT is(status || coalesce(wait, ' without a ticket') || coalesce(headers ->> 'preference-applied', ''), '404 without a ticket', 'nobody waits for a job of somebody else')
  FROM pg_temp.ask('wait=10');
SELECT test.as(NULL);
DELETE FROM vyricon.tickets;
SAVEPOINT writable;
SET LOCAL transaction_read_only = on;
SELECT test.as('guide@example.com');
SELECT status, coalesce(wait, 'no ticket') AS wait FROM pg_temp.ask('wait=10') \gset read_only_
ROLLBACK TO writable;
SELECT is(:'read_only_status'::text || ' ' || :'read_only_wait', '200 no ticket', 'where nothing can be written, as on a standby, nobody waits');

-- What it is good for. A packed GET without a credential, as extension/base/wire.h lays it out.
CREATE FUNCTION pg_temp.resume(ticket text, final boolean, OUT status int, OUT wait text, OUT json jsonb, OUT text text) LANGUAGE plpgsql AS $$
DECLARE
  target text := '/jobs/v1/0';
  answer bytea;
  at int;
BEGIN
  answer := vyricon.http_resume('\x0100'::bytea || decode(repeat('00', 16), 'hex') || int2send(3::int2) || 'GET'::bytea || int4send(length(target)) || target::bytea
    || int2send(2::int2) || int2send(6::int2) || 'prefer'::bytea || int4send(7) || 'wait=10'::bytea
    || int2send(12::int2) || 'x-request-id'::bytea || int4send(4) || 'mine'::bytea || int4send(0), ticket, final);
  at := get_byte(answer, 0) + 1;
  status := get_byte(answer, at) * 256 + get_byte(answer, at + 1);
  text := encode(answer, 'escape');
  wait := substring(text FROM 'x-vyricon-shim-wait\\000\\000\\000.(\d+\.[0-9a-f]{64} \d+)');
  json := substring(text FROM '\{"\w+" ?:.*\}$')::jsonb;
END $$;
SELECT test.as('guide@example.com');
INSERT INTO held SELECT split_part(wait, ' ', 1), substring(wait FROM '\.(.{64})'), split_part(wait, '.', 1)::bigint FROM pg_temp.ask('wait=10');
SELECT test.as(NULL);
SELECT is(t.hash, sha256(convert_to(secret, 'UTF8')), 'only the hash of its secret is kept') FROM held JOIN vyricon.tickets AS t ON t.id = number;
SELECT is((SELECT r.status || ' ' || (r.json ->> 'state') || ' ' || r.wait FROM pg_temp.resume(ticket, false) AS r), '200 queued ' || ticket || ' 0',
  'while the job has not ended, its bearer goes on waiting') FROM held;
SELECT is((SELECT status FROM pg_temp.resume(number || '.' || reverse(secret), true)), 404, 'another secret is refused') FROM held;
SELECT is((SELECT status FROM pg_temp.resume(number + 1 || '.' || secret, true)), 404, 'another number is refused') FROM held;
SELECT is((SELECT status FROM pg_temp.resume(forged, true)), 404, 'refused: ' || forged)
  FROM (VALUES (''), ('.'), ('1'), ('x.y'), ('1.' || repeat('0', 64)), ('99999999999999999999.' || repeat('0', 64))) AS t(forged);
SELECT is(pg_temp.tickets(), 1::bigint, 'forged tickets use up none');
SELECT is(r.status || ' ' || (r.json ->> 'state') || coalesce(r.wait, ''), '200 queued', 'at the end of the wait the answer is what there is') FROM held, pg_temp.resume(ticket, true) AS r;
SELECT is((SELECT status FROM pg_temp.resume(ticket, true)), 404, 'a ticket is used once') FROM held;
SELECT is(pg_temp.tickets(), 0::bigint, 'and is gone then');

-- For whom, and until when.
SELECT test.as('guide@example.com');
TRUNCATE held;
INSERT INTO held SELECT split_part(wait, ' ', 1), '', split_part(wait, '.', 1)::bigint FROM (VALUES ('wait=10'), ('wait=11'), ('wait=12')) AS t(prefer), LATERAL pg_temp.ask(prefer);
SELECT test.as(NULL);
UPDATE vyricon.tickets SET user_id = (SELECT id FROM auth.users WHERE email = 'traveller@example.com') WHERE id = (SELECT min(number) FROM held);
SELECT is((SELECT status FROM pg_temp.resume(ticket, true)), 404, 'the answer is made for the caller who got the ticket, and for nobody else') FROM (SELECT ticket FROM held ORDER BY number LIMIT 1) AS first;
UPDATE vyricon.tickets SET expires_at = now() WHERE id = (SELECT min(number) + 1 FROM held);
SELECT is((SELECT status FROM pg_temp.resume(ticket, true)), 404, 'an expired ticket is refused') FROM (SELECT ticket FROM held ORDER BY number LIMIT 1 OFFSET 1) AS second;
UPDATE vyricon.jobs SET state = 'done', answer = 'sent' FROM mine WHERE jobs.id = mine.id;
SELECT is(r.status || ' ' || (r.json ->> 'answer') || coalesce(r.wait, ''), '200 sent', 'when the job has ended the answer says how')
  FROM (SELECT ticket FROM held ORDER BY number DESC LIMIT 1) AS last, pg_temp.resume(ticket, false) AS r;
SELECT matches(text, 'x-request-id.*mine.*nosniff', 'with the headers of every answer') FROM pg_temp.resume('1.x', true);
SELECT test.as('guide@example.com');
SELECT is(coalesce(wait, 'no ticket') || ', ' || (headers ->> 'preference-applied') || ', ' || (json ->> 'state'), 'no ticket, wait=10, done', 'who asks for a job that has ended does not wait')
  FROM pg_temp.ask('wait=10');
SELECT test.as(NULL);
UPDATE vyricon.tickets SET expires_at = now() - interval '1 second' WHERE id = (SELECT min(number) FROM held);
SELECT is(pg_temp.tickets(), 2::bigint, 'those that nobody used stay');
UPDATE vyricon.tickets SET expires_at = now() - interval '1 second';
SELECT vyricon.run_job('purge') AS purged \gset
SELECT is(pg_temp.tickets(), 0::bigint, 'until they are purged');

-- Who may do what.
SELECT test.as('guide@example.com');
SELECT throws_ok('SELECT FROM vyricon.tickets', '42501', NULL, 'a user sees no ticket');
SELECT test.as('service_role');
SELECT throws_ok('SELECT FROM vyricon.tickets', '42501', NULL, 'nor does the server''s role');
SELECT throws_ok($$ SELECT vyricon.http_resume('', '', true) $$, '42501', NULL, 'only the shim may resume');
SELECT test.as(NULL);
SELECT * FROM finish();
ROLLBACK;
