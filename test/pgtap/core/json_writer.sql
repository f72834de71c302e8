-- What the HTTP answers carry is what PostgreSQL's own to_json() writes, for every kind of type and under settings that change its output.
BEGIN;
SET LOCAL client_min_messages = warning;

CREATE SCHEMA json_cases;
SET LOCAL search_path = json_cases, public, pg_catalog;

CREATE TYPE mood AS ENUM ('glad', 'so "so"', 'sad');
CREATE TYPE signal AS ENUM ('red', 'green');
CREATE FUNCTION signal_json(signal) RETURNS json IMMUTABLE LANGUAGE sql AS $$ SELECT ('{"light" : "' || $1::text || '"}')::json $$;
CREATE CAST (signal AS json) WITH FUNCTION signal_json(signal);
CREATE DOMAIN stars AS integer CHECK (VALUE BETWEEN 0 AND 5);
CREATE DOMAIN labels AS text[];
CREATE TYPE point3 AS (x integer, "y ""quoted""" text, z double precision);
CREATE DOMAIN near AS point3 CHECK ((VALUE).x < 100);
CREATE TYPE nested AS (id bigint, at point3, list point3[], tags labels, rating stars, feeling mood, light signal);
CREATE TYPE empty_row AS ();
CREATE TYPE span AS RANGE (subtype = timestamptz);
CREATE TYPE loose;
CREATE FUNCTION loose_in(cstring) RETURNS loose IMMUTABLE STRICT LANGUAGE internal AS 'textin';
CREATE FUNCTION loose_out(loose) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'textout';
CREATE TYPE loose (INPUT = loose_in, OUTPUT = loose_out, LIKE = text, CATEGORY = 'S');
CREATE TABLE shrunk (a integer, gone text, b text, late timestamptz);
INSERT INTO shrunk VALUES (1, 'gone', 'b', '2026-07-01 12:00Z');
ALTER TABLE shrunk DROP COLUMN gone;
ALTER TABLE shrunk ADD COLUMN added numeric DEFAULT 1.50;
CREATE TABLE stored (body text, doc jsonb, raw json, list text[], bytes bytea);
ALTER TABLE stored ALTER COLUMN body SET STORAGE EXTERNAL;
INSERT INTO stored
  SELECT string_agg(md5(i::text) || '"', ''), jsonb_agg(md5(i::text)), json_agg(md5(i::text)), array_agg(md5(i::text)), decode(repeat('00ff', 5000), 'hex')
    FROM generate_series(1, 1000) AS i;

CREATE TABLE cases (id integer GENERATED ALWAYS AS IDENTITY, expression text);
INSERT INTO cases (expression) VALUES
  ('true'), ('false'),
  ('0::smallint'), ('(-32768)::smallint'), ('32767::smallint'),
  ('0'), ('(-2147483648)::integer'), ('2147483647'),
  ('0::bigint'), ('(-9223372036854775808)::bigint'), ('9223372036854775807'),
  ('0::real'), ('1.5::real'), ('0.1::real'), ('3.4028235e38::real'), ('1.4e-45::real'), ('''-0''::real'), ('''NaN''::real'), ('''-Infinity''::real'),
  ('0::double precision'), ('0.1::double precision'), ('1e20::double precision'), ('1e-7::double precision'), ('123456789012345680::double precision'),
  ('1.7976931348623157e308::double precision'), ('5e-324::double precision'), ('''-0''::double precision'), ('1.0/3::double precision'),
  ('''NaN''::double precision'), ('''Infinity''::double precision'), ('''-Infinity''::double precision'),
  ('0::numeric'), ('1.50::numeric(10,2)'), ('-0.0001::numeric'), ('1e400::numeric'), ('123456789012345678901234567890.123456789::numeric'),
  ('''NaN''::numeric'), ('''Infinity''::numeric'), ('''-Infinity''::numeric'),
  ('''''::text'), ('''plain''::text'), ('''eight by''::text'), ('''a "quoted" word''::text'), ('E''back\\slash/slash''::text'),
  ('E''\b\f\n\r\t\x0b\x01\x1f\x7f''::text'), ('U&''\00fc\20ac\+01F600\2028\2029''::text'), ('repeat(''0123456"'', 100)'), ('repeat(E''\n'', 1000)'),
  ('repeat(''x'', 100000)'), ('(SELECT string_agg(chr(i), '''') FROM generate_series(1, 300) AS i)'),
  ('''v''::varchar'), ('''padded''::char(12)'), ('''c''::"char"'), ('''na"me''::name'), ('''lo"ose''::loose'),
  ('''00112233-4455-6677-8899-aabbccddeeff''::uuid'),
  ('''2026-02-28''::date'), ('''2000-02-29''::date'), ('''1900-03-01''::date'), ('''0001-01-01''::date'), ('''9999-12-31''::date'), ('''10000-01-01''::date'),
  ('''0001-12-31 BC''::date'), ('''4714-11-24 BC''::date'), ('''infinity''::date'), ('''-infinity''::date'),
  ('''2026-07-01 12:34:56''::timestamp'), ('''2026-07-01 12:34:56.7''::timestamp'), ('''1999-12-31 23:59:59.999999''::timestamp'),
  ('''0001-01-01''::timestamp'), ('''9999-12-31 23:59:59.999999''::timestamp'), ('''12026-07-01 12:00''::timestamp'),
  ('''0044-03-15 12:00 BC''::timestamp'), ('''infinity''::timestamp'), ('''-infinity''::timestamp'),
  ('''2026-07-01 12:34:56.000001Z''::timestamptz'), ('''2026-01-01 00:00Z''::timestamptz'), ('''1969-12-31 23:59:59.5Z''::timestamptz'),
  ('''2026-03-29 00:59:59.999999Z''::timestamptz'), ('''2026-03-29 01:00Z''::timestamptz'), ('''2026-10-25 01:00Z''::timestamptz'),
  ('''1850-01-01 00:00Z''::timestamptz'), ('''0001-01-01 00:00Z''::timestamptz'), ('''9999-12-31 23:00Z''::timestamptz'),
  ('''0044-03-15 12:00Z BC''::timestamptz'), ('''20260-07-01 00:00Z''::timestamptz'), ('''infinity''::timestamptz'), ('''-infinity''::timestamptz'),
  ('''12:34:56.78''::time'), ('''12:34:56+05:30''::timetz'), ('''1 year 2 mons -3 days 04:05:06.7''::interval'),
  ('''\x00ff22''::bytea'), ('''(1,2)''::point'), ('''192.0.2.1/24''::inet'), ('B''1010''::bit(4)'), ('1234.5::money'), ('''pg_class''::regclass'),
  ('42::oid'), ('''1 2 3''::int2vector'), ('''1 2''::oidvector'), ('''a b:1''::tsvector'), ('''<a>1</a>''::xml'), ('''$.a''::jsonpath'),
  ('E''{"a" :\n [1, 2.50, "\\u00e9"]}''::json'), ('''"s"''::json'), ('''null''::json'),
  ('''{"b": [1, 2.50, "x\"y", true, null, {}], "a": {"c": [], "d": [[1], {"e": []}]}}''::jsonb'), ('''1e3''::jsonb'), ('''"s\n\u0001"''::jsonb'),
  ('''null''::jsonb'), ('''false''::jsonb'), ('''[]''::jsonb'), ('''{}''::jsonb'), ('''[[]]''::jsonb'), ('''[1]''::jsonb'), ('''{"": ""}''::jsonb'),
  ('ARRAY[1, 2, NULL, 4]'), ('ARRAY[]::integer[]'), ('ARRAY[NULL]::text[]'), ('ARRAY[[1, 2], [3, NULL]]'), ('ARRAY[[[1], [2]], [[3], [4]]]'),
  ('''[5:6]={a,"b,\"c"}''::text[]'), ('ARRAY[''x''::char(3), ''yy'']'), ('ARRAY[true, false, NULL]'), ('ARRAY[''glad'', ''sad'']::mood[]'),
  ('ARRAY[''{"a":1}'', ''2'']::json[]'), ('ARRAY[''2026-01-01''::date]'), ('ARRAY[ROW(1, ''a'', 2)::point3, NULL]'), ('ARRAY[1.5, ''NaN'']::numeric[]'),
  ('ARRAY[1, 2]::smallint[]'), ('ARRAY[''a"b''::name]'), ('ARRAY[ROW(1, 2), ROW(3, 4)]'), ('ARRAY[''red'']::signal[]'),
  ('array_fill(7::bigint, ARRAY[20, 20])'), ('(SELECT array_agg(CASE WHEN i % 3 > 0 THEN i::text END) FROM generate_series(1, 50) AS i)'),
  ('ROW(1, ''a'', NULL)'), ('ROW()'), ('ROW(ROW(ROW(1)))'), ('ROW(NULL, NULL)'), ('ROW(1, ''a "b"'', 0.5)::point3'), ('ROW(1, NULL, NULL)::near'),
  ('ROW()::empty_row'),
  ('ROW(1, ROW(2, ''b'', 1), ARRAY[ROW(3, ''c'', ''NaN'')]::point3[], ARRAY[''t''], 5, ''sad'', ''green'')::nested'),
  ('(SELECT s FROM shrunk AS s)'), ('(SELECT array_agg(s) FROM shrunk AS s)'), ('(SELECT c FROM pg_class AS c WHERE oid = ''pg_class''::regclass)'),
  ('(SELECT t FROM (SELECT 1 AS "a""b", 2 AS "a""b", now() AS "ü") AS t)'),
  ('''so "so"''::mood'), ('''red''::signal'), ('3::stars'), ('ARRAY[''a'', NULL]::labels'),
  ('''[1,5)''::int4range'), ('''empty''::int4range'), ('''{[1,2),[4,5)}''::int4multirange'), ('span(''2026-01-01Z'', NULL)'),
  ('''["2026-01-01","2026-02-01"]''::tstzrange'),
  ('(SELECT body FROM stored)'), ('(SELECT doc FROM stored)'), ('(SELECT raw FROM stored)'), ('(SELECT list FROM stored)'), ('(SELECT bytes FROM stored)'),
  ('(SELECT s FROM stored AS s)'), ('(SELECT most_common_vals FROM pg_stats WHERE schemaname = ''pg_catalog'' AND tablename = ''pg_type'' AND attname = ''typtype'')');

CREATE TABLE settings (name text, assignments text[]);
INSERT INTO settings VALUES
  ('the defaults', '{TimeZone=UTC,"DateStyle=ISO, MDY",extra_float_digits=1,IntervalStyle=postgres,bytea_output=hex}'),
  ('Berlin', '{TimeZone=Europe/Berlin,"DateStyle=German, DMY",extra_float_digits=0,IntervalStyle=iso_8601,bytea_output=escape}'),
  ('New York', '{TimeZone=America/New_York,"DateStyle=SQL, DMY",extra_float_digits=3,IntervalStyle=sql_standard}'),
  ('Kathmandu', '{TimeZone=Asia/Kathmandu,"DateStyle=Postgres, MDY",extra_float_digits=-5,IntervalStyle=postgres_verbose}'),
  ('an offset', '{TimeZone=-03:30,"DateStyle=ISO, YMD",extra_float_digits=-15}');

CREATE FUNCTION compare(setting text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  assignment text;
  c cases;
  ours text;
  theirs text;
BEGIN
  FOREACH assignment IN ARRAY (SELECT s.assignments FROM settings AS s WHERE s.name = setting) LOOP
    PERFORM set_config(split_part(assignment, '=', 1), split_part(assignment, '=', 2), true);
  END LOOP;
  FOR c IN SELECT * FROM cases ORDER BY id LOOP
    EXECUTE format('SELECT vyricon.to_json(v), to_json(v)::text FROM (SELECT %s) AS t(v)', c.expression) INTO ours, theirs;
    RETURN NEXT is(ours, theirs, setting || ': ' || c.expression);
  END LOOP;
END $$;

SELECT plan((SELECT count(*) FROM cases)::integer * (SELECT count(*) FROM settings)::integer + 12);

SELECT compare(name) FROM settings ORDER BY name;

-- A session that goes on sees what has changed.
SELECT is(vyricon.to_json(NULL::integer), NULL, 'NULL has no text of its own');
SELECT is(vyricon.to_json('sad'::mood), '"sad"', 'a type without a cast to json is a string');
CREATE FUNCTION mood_json(mood) RETURNS json IMMUTABLE LANGUAGE sql AS $$ SELECT '7'::json $$;
CREATE CAST (mood AS json) WITH FUNCTION mood_json(mood);
SELECT is(vyricon.to_json('sad'::mood), '7', 'once it has one, the cast decides');
SELECT is(vyricon.to_json(s), to_json(s)::text, 'a row before its table is altered') FROM shrunk AS s;
ALTER TABLE shrunk RENAME COLUMN b TO "b 2";
ALTER TABLE shrunk ALTER COLUMN a TYPE text;
SELECT is(vyricon.to_json(s), to_json(s)::text, 'and after') FROM shrunk AS s;
SELECT is(string_agg(vyricon.to_json(r), ';'), '{"f1":1};{"f1":"a","f2":true};{"f1":2};{"f1":"b","f2":false}', 'rows of different shapes take turns')
  FROM (SELECT CASE WHEN i % 2 = 1 THEN ROW((i + 1) / 2) ELSE ROW(chr(96 + i / 2), i = 2) END AS r FROM generate_series(1, 4) AS i) AS t;
SELECT ok(bool_and(vyricon.to_json(d) = to_json(d)::text), 'every week from year 1 to 10050')
  FROM (SELECT '0001-01-01'::date + i AS d FROM generate_series(-400, 3670000, 7) AS i) AS t;

CREATE FUNCTION times_agree(zone text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('TimeZone', zone, true);
  RETURN (SELECT bool_and(vyricon.to_json(at) = to_json(at)::text)
            FROM (SELECT '1800-01-01Z'::timestamptz + i * interval '17 days 5 hours 3 minutes 1.25 seconds' FROM generate_series(1, 6000) AS i
                  UNION ALL
                  SELECT '2026-01-01Z'::timestamptz + i * interval '30 minutes' - i % 2 * interval '1 microsecond' FROM generate_series(1, 17520) AS i
                 ) AS t(at));
END $$;
SELECT ok(times_agree(zone), 'moments of 250 years, and each half hour of 2026, in ' || zone)
  FROM (VALUES ('UTC'), ('Europe/Berlin'), ('America/New_York'), ('Africa/Monrovia'), ('Australia/Lord_Howe')) AS t(zone);

SELECT * FROM finish();
ROLLBACK;
