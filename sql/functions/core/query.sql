-- C side: extension/core/query.c
CREATE OR REPLACE FUNCTION vyricon.platform_queries(OUT sql text, OUT argument_types pg_catalog.regtype[]) RETURNS SETOF record
  AS 'MODULE_PATHNAME', 'vyricon_platform_queries' LANGUAGE C STABLE;
COMMENT ON FUNCTION vyricon.platform_queries() IS 'every statement that the extension runs on its own tables';
REVOKE ALL ON FUNCTION vyricon.platform_queries() FROM PUBLIC;

