-- Mails of a development machine, which has no mail server: kept here instead of sent, for people and for tests.
CREATE TABLE vyricon.mailbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job bigint NOT NULL,
  sent_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  sender text NOT NULL,
  recipients text[] NOT NULL,
  subject text NOT NULL,
  text text,
  html text,
  message bytea NOT NULL
);
CREATE INDEX mailbox_sent_at_idx ON vyricon.mailbox (sent_at);
ALTER TABLE vyricon.mailbox OWNER TO vyricon_owner;
ALTER TABLE vyricon.mailbox ENABLE ROW LEVEL SECURITY;
GRANT SELECT, DELETE ON vyricon.mailbox TO service_role;
COMMENT ON TABLE vyricon.mailbox IS
  'mails that were kept instead of sent, while vyricon.dev is on and vyricon.smtp_url is not set; shown at /dev/mail';
COMMENT ON COLUMN vyricon.mailbox.recipients IS 'addresses that would have got it, those of bcc too';
COMMENT ON COLUMN vyricon.mailbox.message IS 'as it would have gone to the mail server (RFC 5322)';
