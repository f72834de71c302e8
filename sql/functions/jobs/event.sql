-- C side: extension/jobs/event.c
CREATE OR REPLACE FUNCTION vyricon.events_since(id bigint, max integer DEFAULT 1000)
    RETURNS TABLE (id bigint, at timestamptz, kind text, ref text)
  AS 'MODULE_PATHNAME', 'vyricon_events_since' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION vyricon.events_since(bigint, integer) IS
  'what was announced after the event of this id (0: from the beginning), in the order of ids, at most max rows; an error (VY410) where some '
  'of it was purged already. LISTEN vyricon says when to look: {"v":1,"kind":"job.done","id":7,"tick":9} means that 7 is the highest id of '
  'its kind among those announced together, and 9 the highest of them all';
REVOKE ALL ON FUNCTION vyricon.events_since(bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.events_since(bigint, integer) TO service_role, pg_database_owner, pg_monitor;

CREATE OR REPLACE FUNCTION vyricon.last_event() RETURNS bigint
  AS 'MODULE_PATHNAME', 'vyricon_last_event' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION vyricon.last_event() IS 'id of the event announced last: where a reader of vyricon.events_since() begins; 0: there was none';
REVOKE ALL ON FUNCTION vyricon.last_event() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.last_event() TO service_role, pg_database_owner, pg_monitor;
