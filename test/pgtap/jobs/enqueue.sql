-- Jobs up to the commit: what vyricon.enqueue() takes, freezes and refuses, and who may ask for a job, cancel it, or have it tried again.
BEGIN;
SELECT plan(52);

CREATE FUNCTION pg_temp.send(payload jsonb, key text DEFAULT NULL) RETURNS bigint LANGUAGE sql AS
  $$ SELECT vyricon.enqueue('http', '{"url":"https://example.com/hook"}'::jsonb || payload, key => key) $$;
CREATE FUNCTION pg_temp.detail_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  detail text;
BEGIN
  EXECUTE statement;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  RETURN detail;
END $$;

CREATE FUNCTION pg_temp.sent(payload jsonb, run_at timestamptz DEFAULT NULL) RETURNS vyricon.jobs LANGUAGE plpgsql AS $$
DECLARE
  job bigint := vyricon.enqueue('http', '{"url":"https://example.com/hook"}'::jsonb || payload, run_at);
  found vyricon.jobs;
BEGIN
  SELECT * INTO found FROM vyricon.jobs WHERE id = job;
  RETURN found;
END $$;

-- The row.
CREATE TEMP TABLE first AS SELECT pg_temp.send('{"body":{"a":1}}') AS id;
SELECT is(j.state, 'queued', 'a job is queued') FROM vyricon.jobs AS j JOIN first USING (id);
SELECT is(j.run_at, now(), 'and due at once') FROM vyricon.jobs AS j JOIN first USING (id);
SELECT matches(j.idempotency_key, '^vyr_[0-9a-f]{32}$', 'with an idempotency key of its own') FROM vyricon.jobs AS j JOIN first USING (id);
SELECT is(position('{"a": 1}'::bytea IN j.request) > 0, true, 'and its body is frozen') FROM vyricon.jobs AS j JOIN first USING (id);
SELECT is(j.role_name, 'postgres', 'and it knows who enqueued it') FROM vyricon.jobs AS j JOIN first USING (id);
SELECT is((pg_temp.sent(payload)).repeatable, want, payload || CASE WHEN want THEN ' may be sent twice' ELSE ' is sent once' END)
  FROM (VALUES ('{}'::jsonb, false), ('{"method":"PATCH"}', false), ('{"method":"PUT"}', true), ('{"method":"GET"}', true),
               ('{"sign":"hook"}', true), ('{"idempotent":true}', true), ('{"sign":"hook","idempotent":false}', false)) AS t(payload, want);
SELECT is((pg_temp.sent('{}', now() + interval '1 day')).run_at, now() + interval '1 day', 'a job can wait for its time');

-- One key, one job.
SELECT is(pg_temp.send('{"body":1}', 'k'), pg_temp.send('{"body":1}', 'k'), 'the same key again is the same job');
SELECT isnt(pg_temp.send('{"body":1}', 'l'), pg_temp.send('{"body":1}', 'm'), 'another key is another job');
SELECT throws_ok($$ SELECT pg_temp.send('{"body":2}', 'k') $$, 'VY409', 'there is another job with this key', 'a key does not change its meaning');

-- What is refused.
SELECT throws_ok($$ SELECT vyricon.enqueue('no such', '{}') $$, 'VY404', 'there is no such kind of job', 'an unknown kind');
SELECT throws_ok($$ SELECT vyricon.enqueue('http', '[]') $$, 'VY422', 'the job''s payload is not an object', 'a payload that is no object');
SELECT throws_ok($$ SELECT vyricon.enqueue(NULL, '{}') $$, '22004', NULL, 'no kind');
SELECT throws_ok($$ SELECT vyricon.enqueue('http', '{"url":"https://example.com/"}', key => '') $$, 'VY422', NULL, 'an empty key');
SELECT throws_ok($$ SELECT vyricon.enqueue('http', '{"url":"https://example.com/"}', subject => repeat('s', 256)) $$, 'VY422', NULL, 'a long subject');
SELECT throws_ok($$ SELECT pg_temp.send(jsonb_build_object('body', repeat('x', 1048577))) $$, 'VY413', NULL, 'a body over 1 MiB');
SELECT is(pg_temp.detail_of(format('SELECT pg_temp.send(%L)', payload)), detail, payload)
  FROM (VALUES ('{"url":null}', '"url" is missing.'), ('{"url":5}', '"url" must be a text.'), ('{"Url":"x"}', '"Url" is not known to this kind of job.'),
               ('{"method":"CONNECT"}', '"method" must be POST, PUT, PATCH, DELETE, GET or HEAD.'), ('{"headers":[]}', '"headers" must be an object of texts.'),
               ('{"headers":{"a":1}}', '"headers" must be an object of texts.'), ('{"headers":{"a b":"x"}}', '"headers" hold a name or value that HTTP does not allow.'),
               ('{"headers":{"a":"x\r\ny: z"}}', '"headers" hold a name or value that HTTP does not allow.'),
               ('{"headers":{"Host":"x"}}', '"headers" must not have host.'), ('{"headers":{"Idempotency-Key":"x"}}', '"headers" must not have idempotency-key.'),
               ('{"idempotent":"yes"}', '"idempotent" must be true or false.')) AS t(payload, detail);
SELECT matches(pg_temp.detail_of(format('SELECT pg_temp.send(%L)', jsonb_build_object('url', url))), 'url" is not allowed', 'security item 49: ' || url)
  FROM (VALUES ('file:///etc/passwd'), ('gopher://example.com/'), ('http://127.1/'), ('http://0x7f.1/'), ('http://user@example.com/'),
               ('http://example.com:0/'), ('//example.com/')) AS t(url);

-- Who may do what.
SELECT test.as('guide@example.com');
SELECT throws_ok($$ SELECT vyricon.enqueue('http', '{"url":"https://example.com/"}') $$, '42501', NULL, 'a user sends nothing by himself');
SELECT throws_ok($$ SELECT FROM vyricon.jobs $$, '42501', NULL, 'and sees no job');
SELECT test.as(NULL);
CREATE FUNCTION public.send_for_user() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$ SELECT vyricon.enqueue('http', '{"url":"https://example.com/"}') $$;
CREATE TEMP TABLE guides (id bigint);
GRANT ALL ON guides TO authenticated;
SELECT test.as('guide@example.com');
INSERT INTO guides SELECT public.send_for_user();
SELECT is((test.call('GET', '/jobs/v1/' || id)).status, 200, 'an application''s function sends for him, and he can ask for that job') FROM guides;
SELECT test.as('traveller@example.com');
SELECT is((test.call('GET', '/jobs/v1/' || (SELECT id FROM guides))).status, 404, 'somebody else cannot');
SELECT test.as('service_role');
SELECT is((test.call('GET', '/jobs/v1/9223372036854775807')).status, 404, 'no job is 404');
SELECT is((test.call('GET', '/jobs/v1/x')).status, 404, 'and so is what is no number');
SELECT test.as(NULL);

-- Cancelled and tried again.
SELECT is(vyricon.cancel(id), true, 'what waits can be cancelled') FROM first;
SELECT is(vyricon.cancel(id), false, 'once') FROM first;
SELECT is(vyricon.retry(id), true, 'and tried again') FROM first;
SELECT is((SELECT state FROM vyricon.jobs JOIN first USING (id)), 'queued', 'then it is queued');
UPDATE vyricon.jobs SET state = 'done' WHERE id = (SELECT id FROM first);
SELECT is(vyricon.retry(id), false, 'what is done is not done again') FROM first;
SELECT is((SELECT jobs FROM vyricon.stat_jobs WHERE state = 'done'), 1::bigint, 'vyricon.stat_jobs counts');
SELECT * FROM finish();
ROLLBACK;
