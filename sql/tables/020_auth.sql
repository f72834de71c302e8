-- Who may call: users (GoTrue's columns), API keys, signing keys.
CREATE TABLE auth.users (
  instance_id uuid,
  id uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
  aud varchar(255),
  role varchar(255),
  email varchar(255),
  encrypted_password varchar(255),
  email_confirmed_at timestamptz,
  invited_at timestamptz,
  confirmation_token varchar(255),
  confirmation_sent_at timestamptz,
  recovery_token varchar(255),
  recovery_sent_at timestamptz,
  email_change_token_new varchar(255),
  email_change varchar(255),
  email_change_sent_at timestamptz,
  last_sign_in_at timestamptz,
  raw_app_meta_data jsonb,
  raw_user_meta_data jsonb,
  is_super_admin boolean,
  created_at timestamptz DEFAULT pg_catalog.now(),
  updated_at timestamptz DEFAULT pg_catalog.now(),
  phone text DEFAULT NULL CONSTRAINT users_phone_key UNIQUE,
  phone_confirmed_at timestamptz,
  phone_change text DEFAULT '',
  phone_change_token varchar(255) DEFAULT '',
  phone_change_sent_at timestamptz,
  confirmed_at timestamptz GENERATED ALWAYS AS (LEAST(email_confirmed_at, phone_confirmed_at)) STORED,
  email_change_token_current varchar(255) DEFAULT '',
  email_change_confirm_status smallint DEFAULT 0
    CONSTRAINT users_email_change_confirm_status_check CHECK (email_change_confirm_status BETWEEN 0 AND 2),
  banned_until timestamptz,
  reauthentication_token varchar(255) DEFAULT '',
  reauthentication_sent_at timestamptz,
  is_sso_user boolean NOT NULL DEFAULT false,
  deleted_at timestamptz,
  is_anonymous boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX users_email_partial_key ON auth.users (pg_catalog.lower(email)) WHERE NOT is_sso_user;
CREATE INDEX users_email_idx ON auth.users (pg_catalog.lower(email)) WHERE is_sso_user;
CREATE INDEX users_created_at_idx ON auth.users (created_at, id);
CREATE INDEX users_anonymous_idx ON auth.users (created_at) WHERE is_anonymous;
CREATE UNIQUE INDEX confirmation_token_idx ON auth.users (confirmation_token) WHERE confirmation_token <> '';
CREATE UNIQUE INDEX recovery_token_idx ON auth.users (recovery_token) WHERE recovery_token <> '';
CREATE UNIQUE INDEX email_change_token_current_idx ON auth.users (email_change_token_current) WHERE email_change_token_current <> '';
CREATE UNIQUE INDEX email_change_token_new_idx ON auth.users (email_change_token_new) WHERE email_change_token_new <> '';
CREATE UNIQUE INDEX reauthentication_token_idx ON auth.users (reauthentication_token) WHERE reauthentication_token <> '';
ALTER TABLE auth.users OWNER TO vyricon_owner;
ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE auth.users IS 'people and anonymous visitors who may sign in';

CREATE TABLE auth.api_keys (
  id uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
  kind text NOT NULL CHECK (kind IN ('publishable', 'secret')),
  name text NOT NULL,
  hash bytea NOT NULL UNIQUE CHECK (pg_catalog.octet_length(hash) = 32),
  prefix text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  expires_at timestamptz,
  revoked_at timestamptz
);
ALTER TABLE auth.api_keys OWNER TO vyricon_owner;
ALTER TABLE auth.api_keys ENABLE ROW LEVEL SECURITY;
CREATE TRIGGER vyricon_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON auth.api_keys
  FOR EACH STATEMENT EXECUTE FUNCTION vyricon.changed();
COMMENT ON TABLE auth.api_keys IS 'keys of applications; only the SHA-256 of each is stored';
COMMENT ON COLUMN auth.api_keys.prefix IS 'the first letters, to tell keys apart';

CREATE TABLE auth.signing_keys (
  kid text PRIMARY KEY CHECK (kid ~ '^[A-Za-z0-9._~-]{1,128}$'),
  alg text NOT NULL CHECK (alg IN ('ES256', 'RS256', 'EdDSA', 'HS256')),
  status text NOT NULL CHECK (status IN ('active', 'standby', 'previous', 'revoked')),
  public_key text,
  secret_name text,
  created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  expires_at timestamptz,
  CHECK ((alg = 'HS256') = (public_key IS NULL))
);
CREATE UNIQUE INDEX signing_keys_active_key ON auth.signing_keys (status) WHERE status = 'active';
CREATE UNIQUE INDEX signing_keys_standby_key ON auth.signing_keys (status) WHERE status = 'standby';
CREATE INDEX signing_keys_live_idx ON auth.signing_keys ((status = 'active') DESC, created_at DESC) WHERE status <> 'revoked';
ALTER TABLE auth.signing_keys OWNER TO vyricon_owner;
ALTER TABLE auth.signing_keys ENABLE ROW LEVEL SECURITY;
CREATE TRIGGER vyricon_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON auth.signing_keys
  FOR EACH STATEMENT EXECUTE FUNCTION vyricon.changed();
COMMENT ON TABLE auth.signing_keys IS 'keys that access tokens are signed and verified with; private halves are in vyricon.secrets';
COMMENT ON COLUMN auth.signing_keys.public_key IS 'PEM; null for HS256';
COMMENT ON COLUMN auth.signing_keys.secret_name IS 'row of vyricon.secrets; null for a key that only verifies';
