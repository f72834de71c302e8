-- Rate limits that users set.
CREATE TABLE vyricon.rate_limits (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  method text NOT NULL CHECK (method IN ('*', 'GET', 'POST', 'PUT', 'PATCH', 'DELETE')),
  pattern text NOT NULL CHECK (pattern ~ '^/'),
  per text NOT NULL CHECK (per IN ('address', 'key', 'user', 'organization')),
  rate text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  UNIQUE (pattern, method, per)
);
ALTER TABLE vyricon.rate_limits OWNER TO vyricon_owner;
ALTER TABLE vyricon.rate_limits ENABLE ROW LEVEL SECURITY;
CREATE TRIGGER vyricon_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON vyricon.rate_limits
  FOR EACH STATEMENT EXECUTE FUNCTION vyricon.changed();
COMMENT ON TABLE vyricon.rate_limits IS 'rows of vyricon.rate_limit()';
