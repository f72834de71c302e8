-- What the purge and setup() look for.
CREATE INDEX api_keys_expires_at_idx ON auth.api_keys (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX signing_keys_expires_at_idx ON auth.signing_keys (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX signing_keys_secret_name_idx ON auth.signing_keys (secret_name) WHERE secret_name IS NOT NULL;
