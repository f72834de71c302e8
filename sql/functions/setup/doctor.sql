-- C side: extension/setup/doctor.c
CREATE OR REPLACE FUNCTION vyricon.doctor() RETURNS TABLE (name text, fact text, hint text)
  AS 'MODULE_PATHNAME', 'vyricon_doctor' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION vyricon.doctor() IS
  'what is wrong with this database''s worker and jobs, and what to do; no row: nothing. The command vyricon doctor shows it';
REVOKE ALL ON FUNCTION vyricon.doctor() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.doctor() TO service_role, pg_database_owner, pg_monitor;
