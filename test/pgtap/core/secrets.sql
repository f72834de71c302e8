-- secrets.sql: what is stored opens only unchanged and in its own place, and shows nowhere in clear.
BEGIN;
SELECT plan(14);

\set canary 'canary-secret-of-the-test-7c0ffee1'
SELECT auth.import_signing_key('one', 'HS256', :'canary'), auth.import_signing_key('two', 'HS256', 'another-secret-of-the-test-7c0ffee1') \g /dev/null

-- A token that asks for the secret of this key: its signature is wrong, so only opening the secret can raise.
CREATE FUNCTION test.opens(key text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  UPDATE auth.signing_keys SET kid = kid WHERE kid = key;
  PERFORM auth.verify_jwt(rtrim(translate(encode(convert_to(format('{"alg":"HS256","kid":"%s"}', key), 'UTF8'), 'base64'), E'+/\n', '-_'), '=')
                          || '.e30.' || repeat('A', 43));
  RETURN 'no error';
EXCEPTION
  WHEN SQLSTATE 'VY401' THEN RETURN 'opens';
  WHEN data_corrupted THEN RETURN 'does not open';
END $$;

SELECT is(test.opens('one'), 'opens', 'a secret opens');
SAVEPOINT intact;
UPDATE vyricon.secrets AS s SET value = other.value FROM vyricon.secrets AS other
 WHERE (s.name, other.name) IN (('auth.signing_key.one', 'auth.signing_key.two'), ('auth.signing_key.two', 'auth.signing_key.one'));
SELECT is(test.opens(key), 'does not open', 'security item 74: two ciphertexts swapped: ' || key) FROM unnest('{one,two}'::text[]) AS key;
ROLLBACK TO intact;
SELECT is(test.opens('one'), 'opens', 'put back it opens again');

CREATE FUNCTION test.flipped(at int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  outcome text;
BEGIN
  UPDATE vyricon.secrets SET value = set_bit(value, at, 1 - get_bit(value, at)) WHERE name = 'auth.signing_key.one';
  outcome := test.opens('one');
  UPDATE vyricon.secrets SET value = set_bit(value, at, 1 - get_bit(value, at)) WHERE name = 'auth.signing_key.one';
  RETURN outcome;
END $$;
SELECT is((SELECT string_agg(DISTINCT test.flipped(at), ',') FROM generate_series(0, 8 * octet_length(value) - 1) AS at), 'does not open',
          'security item 74: no single bit of a ciphertext may change') FROM vyricon.secrets WHERE name = 'auth.signing_key.one';
UPDATE vyricon.secrets SET value = substr(value, 1, 28) WHERE name = 'auth.signing_key.one';
SELECT is(test.opens('one'), 'does not open', 'security item 74: a ciphertext that is too short');
UPDATE vyricon.secrets SET value = '' WHERE name = 'auth.signing_key.one';
SELECT is(test.opens('one'), 'does not open', 'an empty one');
DELETE FROM vyricon.secrets WHERE name = 'auth.signing_key.one';
SELECT is(test.opens('one'), 'does not open', 'one that is gone');
ROLLBACK TO intact;

SELECT is(count(DISTINCT substr(value, 2, 12)), count(*), 'security item 74: no two secrets share a nonce') FROM vyricon.secrets;
SELECT is(octet_length(value), 1 + 12 + octet_length(:'canary') + 16, 'version, nonce, ciphertext and tag') FROM vyricon.secrets WHERE name = 'auth.signing_key.one';

-- The canary is in clear nowhere.
CREATE FUNCTION test.holding(word text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  place regclass;
  hits bigint;
BEGIN
  FOR place IN SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                WHERE c.relkind IN ('r', 'm') AND n.nspname IN ('vyricon', 'auth', 'access', 'public') LOOP
    EXECUTE format('SELECT count(*) FROM %s AS t WHERE strpos(t::text, $1) + strpos(t::text, encode(convert_to($1, ''UTF8''), ''hex'')) > 0', place)
      INTO hits USING word;
    IF hits > 0 THEN
      RETURN NEXT place;
    END IF;
  END LOOP;
END $$;
SELECT is_empty(format('SELECT test.holding(%L)', :'canary'), 'security item 77: no table of the platform holds it');
SELECT is_empty(format('SELECT name FROM pg_settings WHERE strpos(pg_settings::text, %L) > 0', :'canary'), 'security item 77: no setting');
SELECT is_empty(format('SELECT 1 FROM pg_db_role_setting AS s WHERE strpos(s::text, %L) > 0', :'canary'), 'security item 77: no setting of a role or a database');

-- Nobody but the owner reads the table.
SELECT is((SELECT count(*) FROM unnest('{anon,authenticated,service_role,vyricon_shim,vyricon_worker}'::text[]) AS role
            WHERE has_table_privilege(role, 'vyricon.secrets', 'SELECT, INSERT, UPDATE, DELETE')), 0::bigint, 'security item 77: no role of the API reads or writes secrets');

SELECT * FROM finish();
ROLLBACK;
