-- Routes that users add. Names instead of oids: they survive dump and restore, and a function that is dropped and made again.
CREATE TABLE vyricon.custom_routes (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  method text NOT NULL CHECK (method IN ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')),
  pattern text NOT NULL CHECK (pattern ~ '^/'),
  function_schema text NOT NULL,
  function_name text NOT NULL,
  takes text NOT NULL CHECK (takes IN ('vyricon.request', 'jsonb')),
  summary text,
  created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  UNIQUE (method, pattern)
);
ALTER TABLE vyricon.custom_routes OWNER TO vyricon_owner;
ALTER TABLE vyricon.custom_routes ENABLE ROW LEVEL SECURITY;
CREATE TRIGGER vyricon_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON vyricon.custom_routes
  FOR EACH STATEMENT EXECUTE FUNCTION vyricon.changed();
COMMENT ON TABLE vyricon.custom_routes IS 'rows of vyricon.route()';
