-- Mail jobs up to the commit: what a payload may say, and what is refused before anything is sent.
BEGIN;
SELECT plan(28);

SET LOCAL client_min_messages = warning;
CREATE FUNCTION pg_temp.detail_of(payload jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  detail text;
BEGIN
  PERFORM vyricon.enqueue('mail', '{"from":"tours@example.com","to":"a@example.com","subject":"s","text":"t"}'::jsonb || payload);
  RETURN NULL;
EXCEPTION WHEN SQLSTATE 'VY422' THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  RETURN detail;
END $$;
CREATE FUNCTION pg_temp.sent(payload jsonb) RETURNS vyricon.jobs LANGUAGE plpgsql AS $$
DECLARE
  job bigint := vyricon.enqueue('mail', '{"from":"tours@example.com","to":"a@example.com","subject":"s","text":"t"}'::jsonb || payload);
  found vyricon.jobs;
BEGIN
  SELECT * INTO found FROM vyricon.jobs WHERE id = job;
  RETURN found;
END $$;

CREATE TEMP TABLE first AS SELECT * FROM pg_temp.sent('{}');
SELECT is(position(format('Message-ID: <%s@example.com>', idempotency_key)::bytea IN request) > 0, true,
          'the message is written when it is enqueued, and knows its key') FROM first;
SELECT is(repeatable, false, 'a mail may not be sent twice') FROM first;
SELECT is((pg_temp.sent('{"idempotent":true}')).repeatable, true, 'unless a second copy does no harm');
SELECT is(secret_name, NULL, 'nobody signs in where no user is set') FROM first;
SELECT is(pg_temp.detail_of(jsonb_build_object('to', jsonb_agg(i || '@example.com'))), NULL, 'fifty may get it') FROM generate_series(1, 50) AS i;
SELECT matches(pg_temp.detail_of(jsonb_build_object('bcc', jsonb_agg(i || '@example.com'))), 'more than 50', 'and not one more') FROM generate_series(1, 50) AS i;

SELECT is(pg_temp.detail_of(payload), detail, payload::text)
  FROM (VALUES ('{"to":null}'::jsonb, '"to" is missing.'), ('{"to":[]}', '"to" is missing.'),
               ('{"to":5}', '"to" must be an address or a list of addresses.'), ('{"to":["a@example.com",5]}', '"to" must be an address or a list of addresses.'),
               ('{"to":"a@example.com, b@example.com"}', '"to" has what is not one address.'), ('{"to":"nobody"}', '"to" has what is not one address.'),
               ('{"to":"a@example.com\r\nRCPT TO:<b@example.com>"}', '"to" has what is not one address.'),
               ('{"cc":"<a@example.com"}', '"cc" has what is not one address.'), ('{"bcc":"-f@example.com\u0001"}', '"bcc" has what is not one address.'),
               ('{"from":["a@example.com","b@example.com"]}', '"from" must be one address.'), ('{"from":"x"}', '"from" has what is not one address.'),
               ('{"from":null}', '"from" is missing, and vyricon.mail_from is not set.'),
               ('{"reply_to":"Name <x"}', '"reply_to" has what is not one address.'), ('{"subject":null}', '"subject" is missing.'),
               ('{"subject":"a\r\nBcc: b@example.com"}', 'The mail is refused: bad subject.'), ('{"text":null}', 'The mail is refused: no text.'),
               ('{"text":"\u0007"}', 'The mail is refused: bad text.'), ('{"html":1}', '"html" must be a text.'),
               ('{"attachments":[]}', '"attachments" is not known to this kind of job.')) AS t(payload, detail);

-- Settings.

SELECT throws_ok(format('SET LOCAL vyricon.smtp_url = %L', 'smtp://x'), '55P02', NULL, 'nobody but the server''s owner chooses the mail server');

-- The mailbox.
SET LOCAL ROLE authenticated;
SELECT throws_ok('SELECT * FROM vyricon.mailbox', '42501', NULL, 'a user does not read the mailbox');
RESET ROLE;
SELECT is(has_table_privilege('service_role', 'vyricon.mailbox', 'SELECT, DELETE'), true, 'the server''s role does, and empties it');
ROLLBACK;
