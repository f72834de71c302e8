-- What setup() has done, where it did it, and secrets.
CREATE TABLE vyricon.setup_steps (
  step text PRIMARY KEY,
  done_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE vyricon.setup_steps IS 'steps of vyricon.setup() that this database has';

CREATE TABLE vyricon.installation (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  system_identifier text NOT NULL,
  database_oid oid NOT NULL,
  root_key_fingerprint text NOT NULL,
  version text NOT NULL,
  adopted_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE vyricon.installation IS
  'cluster, database and root key that this installation belongs to; '
  'a copy does not match and starts no job until vyricon.setup(adopt => true)';

CREATE TABLE vyricon.secrets (
  name text PRIMARY KEY,
  value bytea NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE vyricon.secrets IS 'secrets, encrypted under the root key and bound to their name';

-- Names instead of oids: the row survives dump and restore.
CREATE TABLE vyricon.exposed (
  schema_name text NOT NULL,
  table_name text NOT NULL,
  owner_column text,
  publish_column text,
  undo text[] NOT NULL,
  exposed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  PRIMARY KEY (schema_name, table_name)
);
COMMENT ON TABLE vyricon.exposed IS 'tables under vyricon.expose(), each with the statements that bring back what was there before';

ALTER TABLE vyricon.setup_steps ENABLE ROW LEVEL SECURITY;
ALTER TABLE vyricon.installation ENABLE ROW LEVEL SECURITY;
ALTER TABLE vyricon.secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE vyricon.exposed ENABLE ROW LEVEL SECURITY;

CREATE TRIGGER vyricon_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON vyricon.setup_steps
  FOR EACH STATEMENT EXECUTE FUNCTION vyricon.changed();
CREATE TRIGGER vyricon_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON vyricon.installation
  FOR EACH STATEMENT EXECUTE FUNCTION vyricon.changed();
CREATE TRIGGER vyricon_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON vyricon.secrets
  FOR EACH STATEMENT EXECUTE FUNCTION vyricon.changed();
