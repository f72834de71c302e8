-- C side: extension/core/cache.c
CREATE OR REPLACE FUNCTION vyricon.changed() RETURNS trigger
  AS 'MODULE_PATHNAME', 'vyricon_changed' LANGUAGE C;
COMMENT ON FUNCTION vyricon.changed() IS 'statement trigger of cached tables: tells every backend of the change at commit';
REVOKE ALL ON FUNCTION vyricon.changed() FROM PUBLIC;

