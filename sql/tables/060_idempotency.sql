-- Answers to requests that came with an Idempotency-Key.
CREATE TABLE vyricon.idempotency_keys (
  subject text NOT NULL,
  key text NOT NULL,
  fingerprint bytea NOT NULL,
  status integer NOT NULL,
  headers text[] NOT NULL,
  body bytea NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (subject, key)
);
CREATE INDEX idempotency_keys_expires_at_idx ON vyricon.idempotency_keys (expires_at);
ALTER TABLE vyricon.idempotency_keys OWNER TO vyricon_owner;
ALTER TABLE vyricon.idempotency_keys ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE vyricon.idempotency_keys IS 'answers to requests that came with an Idempotency-Key, until they expire';
COMMENT ON COLUMN vyricon.idempotency_keys.subject IS 'who sent it: a user''s id, or a role; nobody is answered with what somebody else was';
COMMENT ON COLUMN vyricon.idempotency_keys.fingerprint IS 'SHA-256 of method, target and body';
