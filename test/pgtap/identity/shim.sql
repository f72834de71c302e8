-- The shim's own session: its role can ask for answers, and can do nothing else. Fresh caches: nothing was warmed by a superuser.
SET SESSION AUTHORIZATION vyricon_shim;
SELECT vyricon.ready() AS ready \gset
-- A packed GET of /rest/v1/tours?limit=1 without a credential, as extension/base/wire.h lays it out.
SELECT '\x0100'::bytea || decode(repeat('00', 16), 'hex') || int2send(3::int2) || convert_to('GET', 'UTF8') || int4send(22) || convert_to('/rest/v1/tours?limit=1', 'UTF8')
  || int2send(0::int2) || int4send(0) AS packed \gset
SELECT get_byte(answer, get_byte(answer, 0) + 1) * 256 + get_byte(answer, get_byte(answer, 0) + 2) AS status, convert_from(substring(answer FROM length(answer) FOR 1), 'UTF8') AS last
  FROM vyricon.http_wire(:'packed') AS answer \gset wire_
SELECT get_byte(answer, get_byte(answer, 0) + 1) * 256 + get_byte(answer, get_byte(answer, 0) + 2) AS status
  FROM vyricon.http_failed(:'packed', ARRAY['23505', 'duplicate key value', NULL, NULL]) AS answer \gset failed_
SELECT array_agg(name ORDER BY name) AS may FROM (
  SELECT p.proname::text AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
   WHERE n.nspname IN ('vyricon', 'auth', 'access') AND has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE')) f \gset
SELECT count(*) AS tables FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('vyricon', 'auth', 'access', 'public') AND c.relkind IN ('r', 'v', 'p', 'm', 'S')
   AND n.nspname <> 'public' AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') \gset
SELECT count(*) AS memberships FROM pg_auth_members m WHERE m.member = 'vyricon_shim'::regrole \gset
DO $$
DECLARE
  statement text;
BEGIN
  FOREACH statement IN ARRAY ARRAY['SET ROLE service_role', 'SELECT vyricon.http(''GET'', ''/'')'] LOOP
    BEGIN
      EXECUTE statement;
    EXCEPTION WHEN OTHERS THEN
      PERFORM set_config('app.refused', concat(current_setting('app.refused', true), SQLSTATE), false);
    END;
  END LOOP;
END $$;
SELECT current_setting('app.refused', true) AS refused \gset
RESET SESSION AUTHORIZATION;
BEGIN;
SELECT plan(8);
SELECT is(:'ready'::text, '', 'the shim sees that the database is ready');
SELECT is(:wire_status, 200, 'the shim''s first request in a fresh session is answered');
SELECT is(:'wire_last'::text, ']', 'with rows as its body');
SELECT is(:failed_status, 409, 'a failure is rendered');
SELECT is(:'may'::text, '{checks,http_failed,http_resume,http_wire,ready}', 'the shim may call these functions and no other');
SELECT is(:tables, 0, 'it may touch no table of the platform');
SELECT is(:memberships, 0, 'it is a member of no role');
SELECT is(:'refused'::text, '4250142501', 'it can neither become another role nor call vyricon.http()');
SELECT * FROM finish();
ROLLBACK;
