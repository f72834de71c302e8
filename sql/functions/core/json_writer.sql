-- C side: extension/core/json_writer.c
CREATE OR REPLACE FUNCTION vyricon.to_json(value anyelement) RETURNS text
  AS 'MODULE_PATHNAME', 'vyricon_to_json' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vyricon.to_json(anyelement) IS 'the JSON text that the HTTP answers carry';
REVOKE ALL ON FUNCTION vyricon.to_json(anyelement) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.to_json(anyelement) TO anon, authenticated, service_role;
