-- C side: extension/access/expose.c

-- What is missing: reads the catalogue, changes nothing. Statements run in this order; undo runs backwards. Grants come before revokes, so that
-- no role loses its place in an access list and undo brings back the same list. ours: the policies found are those of an earlier call.
CREATE OR REPLACE FUNCTION vyricon.expose_plan(relation regclass, owner text, publish text, ours boolean, OUT statement text, OUT undo text)
  RETURNS SETOF record LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $plan$
DECLARE
  class record;
  owner_type regtype;
  owner_default text;
  sequence regclass;
  is_owner text;
  is_public text;
  readers text[] := CASE WHEN publish IS NULL THEN '{authenticated}' ELSE '{anon,authenticated}' END;
  writes text[] := CASE WHEN owner IS NULL THEN '{}' ELSE '{INSERT,UPDATE,DELETE}' END;
  wanted record;
  present record;
  key_columns text;
  index_name text;
BEGIN
  SELECT c.oid, c.relkind, c.relpersistence, c.relispartition, c.relrowsecurity, c.relforcerowsecurity, c.relowner, c.relacl, c.relname, n.nspname
    INTO STRICT class FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation;
  IF class.relkind <> 'r' OR class.relispartition OR class.relpersistence = 't' THEN
    RAISE EXCEPTION USING ERRCODE = 'wrong_object_type', MESSAGE = format('%s is not an ordinary table', relation),
      HINT = 'Expose the table below a view, and make the view with (security_invoker = true). Partitioned, foreign and temporary tables cannot be exposed.';
  END IF;
  IF class.nspname IN ('vyricon', 'auth', 'access') OR class.nspname ~ '^(pg_|information_schema$)' THEN
    RAISE EXCEPTION USING ERRCODE = 'VY403', MESSAGE = format('schema %I belongs to the platform', class.nspname), HINT = 'Expose tables of your own.';
  END IF;
  IF owner IS NULL AND publish IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'VY422', MESSAGE = 'neither an owner''s column nor a publish column is named',
      HINT = 'expose(''tours'', owner => ''user_id'') shows rows to their owners; publish => ''published'' shows published rows to all.';
  END IF;

  IF owner IS NOT NULL THEN
    SELECT a.atttypid, pg_get_expr(d.adbin, d.adrelid) INTO owner_type, owner_default
      FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attrelid = relation AND a.attname = owner AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
    is_owner := CASE owner_type
      WHEN 'uuid'::regtype THEN format('(%I = auth.uid())', owner)
      WHEN 'text'::regtype THEN format('(%I = auth.user_id())', owner)
      WHEN 'varchar'::regtype THEN format('((%I)::text = auth.user_id())', owner) END;
    IF is_owner IS NULL THEN
      RAISE EXCEPTION USING ERRCODE = 'VY422', MESSAGE = format('%s has no column %I of type uuid or text', relation, owner),
        HINT = 'The owner''s column holds the user''s id: uuid as in auth.users, or text for foreign issuers.';
    END IF;
  END IF;
  IF publish IS NOT NULL THEN
    IF NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = publish AND a.attnum > 0 AND NOT a.attisdropped
        AND a.atttypid = 'boolean'::regtype) THEN
      RAISE EXCEPTION USING ERRCODE = 'VY422', MESSAGE = format('%s has no column %I of type boolean', relation, publish),
        HINT = 'Rows are public while the publish column is true.';
    END IF;
    is_public := quote_ident(publish);
  END IF;

  -- Row-level security.
  IF NOT class.relrowsecurity THEN
    statement := format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
    undo := format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', relation);
    RETURN NEXT;
  END IF;
  IF NOT class.relforcerowsecurity THEN
    statement := format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', relation);
    undo := format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', relation);
    RETURN NEXT;
  END IF;
  FOR wanted IN
    SELECT v.name, v.command, v.letter, v.roles, v.using_text, v.check_text,
        v.using_text IS NOT NULL OR v.check_text IS NOT NULL AS needed
      FROM (VALUES
        ('vyricon_read', 'SELECT', 'r', readers,
          CASE WHEN owner IS NULL THEN is_public WHEN publish IS NULL THEN is_owner ELSE format('(%s OR %s)', is_public, is_owner) END, NULL),
        ('vyricon_insert', 'INSERT', 'a', '{authenticated}', NULL, is_owner),
        ('vyricon_update', 'UPDATE', 'w', '{authenticated}', is_owner, is_owner),
        ('vyricon_delete', 'DELETE', 'd', '{authenticated}', is_owner, NULL)
      ) AS v(name, command, letter, roles, using_text, check_text)
  LOOP
    SELECT p.polname INTO present FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = wanted.name;
    IF FOUND AND NOT ours THEN
      RAISE EXCEPTION USING ERRCODE = 'VY409', MESSAGE = format('%s has a policy %I that expose() has not made', relation, wanted.name),
        HINT = 'Rename or drop that policy.';
    END IF;
    CONTINUE WHEN EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = wanted.name AND p.polpermissive
      AND p.polcmd::text = wanted.letter AND p.polroles::regrole[]::text[] @> wanted.roles AND p.polroles::regrole[]::text[] <@ wanted.roles
      AND pg_get_expr(p.polqual, relation) IS NOT DISTINCT FROM wanted.using_text
      AND pg_get_expr(p.polwithcheck, relation) IS NOT DISTINCT FROM wanted.check_text);
    undo := NULL;
    IF FOUND THEN
      statement := format('DROP POLICY %I ON %s', wanted.name, relation);
      RETURN NEXT;
    END IF;
    IF wanted.needed THEN
      statement := format('CREATE POLICY %I ON %s FOR %s TO %s', wanted.name, relation, wanted.command, array_to_string(wanted.roles, ', '))
        || COALESCE(' USING (' || wanted.using_text || ')', '') || COALESCE(' WITH CHECK (' || wanted.check_text || ')', '');
      undo := format('DROP POLICY IF EXISTS %I ON %s', wanted.name, relation);
      RETURN NEXT;
    END IF;
  END LOOP;

  -- Grants. A role with column privileges keeps these: they are somebody's narrower choice.
  FOR wanted IN
    SELECT r.role, string_agg(v.verb, ', ' ORDER BY v.place) AS verbs
      FROM (VALUES ('SELECT', 1), ('INSERT', 2), ('UPDATE', 3), ('DELETE', 4)) AS v(verb, place)
      CROSS JOIN (VALUES ('anon', 1), ('authenticated', 2), ('service_role', 3)) AS r(role, place)
      WHERE (r.role = 'service_role' OR v.verb = 'SELECT' AND r.role = ANY (readers) OR v.verb = ANY (writes) AND r.role = 'authenticated')
        AND NOT EXISTS (SELECT FROM aclexplode(class.relacl) AS x WHERE x.grantee = r.role::regrole AND x.privilege_type = v.verb)
        AND NOT EXISTS (SELECT FROM pg_attribute AS a, aclexplode(a.attacl) AS x
          WHERE a.attrelid = relation AND NOT a.attisdropped AND x.grantee = r.role::regrole AND x.privilege_type = v.verb)
      GROUP BY r.role, r.place ORDER BY r.place
  LOOP
    statement := format('GRANT %s ON %s TO %I', wanted.verbs, relation, wanted.role);
    undo := format('REVOKE %s ON %s FROM %I', wanted.verbs, relation, wanted.role);
    RETURN NEXT;
  END LOOP;
  FOR wanted IN
    SELECT x.grantee, string_agg(x.privilege_type, ', ' ORDER BY x.privilege_type) AS verbs, x.is_grantable,
        CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(x.grantee::regrole::text) END AS role
      FROM aclexplode(class.relacl) AS x
      WHERE x.grantor = class.relowner AND x.privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER')
        AND x.grantee IN (0, 'anon'::regrole, 'authenticated'::regrole, 'service_role'::regrole)
        AND NOT EXISTS (SELECT FROM pg_attribute AS a, aclexplode(a.attacl) AS y
          WHERE a.attrelid = relation AND NOT a.attisdropped AND y.grantee = x.grantee AND y.privilege_type = x.privilege_type)
      GROUP BY x.grantee, x.is_grantable
  LOOP
    statement := format('REVOKE %s ON %s FROM %s', wanted.verbs, relation, wanted.role);
    undo := format('GRANT %s ON %s TO %s', wanted.verbs, relation, wanted.role) || CASE WHEN wanted.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END;
    RETURN NEXT;
  END LOOP;
  -- Sequences of serial columns; identity columns need no right.
  FOR wanted IN
    SELECT d.objid::regclass AS sequence, r.role
      FROM pg_depend AS d JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
      CROSS JOIN (VALUES ('authenticated', 1), ('service_role', 2)) AS r(role, place)
      WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = relation AND d.deptype = 'a'
        AND d.refobjsubid > 0 AND (owner IS NOT NULL OR r.role = 'service_role')
        AND NOT EXISTS (SELECT FROM aclexplode(s.relacl) AS x WHERE x.grantee = r.role::regrole AND x.privilege_type = 'USAGE')
      ORDER BY d.refobjsubid, r.place
  LOOP
    statement := format('GRANT USAGE ON SEQUENCE %s TO %I', wanted.sequence, wanted.role);
    undo := format('REVOKE USAGE ON SEQUENCE %s FROM %I', wanted.sequence, wanted.role);
    RETURN NEXT;
  END LOOP;

  -- A new row belongs to its maker.
  IF owner IS NOT NULL AND owner_default IS DISTINCT FROM
    (CASE owner_type WHEN 'uuid'::regtype THEN 'auth.uid()' ELSE 'auth.user_id()' END) THEN
    statement := format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', relation, owner,
      CASE owner_type WHEN 'uuid'::regtype THEN 'auth.uid()' ELSE 'auth.user_id()' END);
    undo := format('ALTER TABLE %s ALTER COLUMN %I ', relation, owner) || COALESCE('SET DEFAULT ' || owner_default, 'DROP DEFAULT');
    RETURN NEXT;
  END IF;

  -- Indexes that the policies want.
  IF owner IS NOT NULL AND NOT EXISTS (SELECT FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
      WHERE i.indrelid = relation AND a.attname = owner AND i.indisvalid AND i.indpred IS NULL) THEN
    index_name := vyricon.free_name(class.nspname, class.relname, owner);
    statement := format('CREATE INDEX %I ON %s (%I)', index_name, relation, owner);
    undo := format('DROP INDEX IF EXISTS %I.%I', class.nspname, index_name);
    RETURN NEXT;
  END IF;
  IF publish IS NOT NULL AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = relation AND i.indisvalid
      AND pg_get_expr(i.indpred, relation) = is_public) THEN
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.place) INTO key_columns
      FROM pg_index AS i CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
      JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
      WHERE i.indrelid = relation AND i.indisprimary;
    index_name := vyricon.free_name(class.nspname, class.relname, publish);
    statement := format('CREATE INDEX %I ON %s (%s) WHERE %s', index_name, relation, COALESCE(key_columns, is_public), is_public);
    undo := format('DROP INDEX IF EXISTS %I.%I', class.nspname, index_name);
    RETURN NEXT;
  END IF;
END
$plan$;
COMMENT ON FUNCTION vyricon.expose_plan(regclass, text, text, boolean) IS 'statements that vyricon.expose() would run, each with the one that undoes it';
REVOKE ALL ON FUNCTION vyricon.expose_plan(regclass, text, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.expose_plan(regclass, text, text, boolean) TO pg_database_owner;

CREATE OR REPLACE FUNCTION vyricon.free_name(schema_name name, table_name name, column_name text) RETURNS text
  AS 'MODULE_PATHNAME', 'vyricon_free_name' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION vyricon.free_name(name, name, text) IS 'a name for an index, as CREATE INDEX without a name would choose it';
REVOKE ALL ON FUNCTION vyricon.free_name(name, name, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.free_name(name, name, text) TO pg_database_owner;

CREATE OR REPLACE FUNCTION vyricon.expose(relation regclass, owner text DEFAULT NULL, publish text DEFAULT NULL, dry_run boolean DEFAULT false)
  RETURNS SETOF text
  AS 'MODULE_PATHNAME', 'vyricon_expose' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION vyricon.expose(regclass, text, text, boolean) IS 'put a table of yours on the API: forced row-level security, policies for the owner''s and the publish column, grants, default and indexes; the statements run, or with dry_run those to be run';
REVOKE ALL ON FUNCTION vyricon.expose(regclass, text, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.expose(regclass, text, text, boolean) TO pg_database_owner;

CREATE OR REPLACE FUNCTION vyricon.unexpose(relation regclass) RETURNS SETOF text
  AS 'MODULE_PATHNAME', 'vyricon_unexpose' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION vyricon.unexpose(regclass) IS 'bring back what was there before vyricon.expose(); the statements run';
REVOKE ALL ON FUNCTION vyricon.unexpose(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.unexpose(regclass) TO pg_database_owner;
