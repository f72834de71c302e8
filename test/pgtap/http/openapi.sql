-- The description of the API tells each caller what it may use, and nothing else.
BEGIN;
SELECT plan(31);
CREATE TYPE public.colour AS ENUM ('red', 'it''s "blue"');
CREATE DOMAIN public.percent AS int CHECK (VALUE BETWEEN 0 AND 100);
CREATE TABLE public.openapi_things (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name varchar(40) NOT NULL DEFAULT 'no''name',
  colour public.colour,
  share public.percent NOT NULL,
  tags text[],
  extra jsonb,
  made timestamptz NOT NULL DEFAULT now(),
  active boolean NOT NULL DEFAULT true,
  "odd ""name" text,
  secret text
);
COMMENT ON TABLE public.openapi_things IS 'Things, "quoted"';
COMMENT ON COLUMN public.openapi_things.share IS 'of the whole';
GRANT SELECT (id, name, colour, share, tags, extra, made, active, "odd ""name") ON public.openapi_things TO anon;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.openapi_things TO authenticated, service_role;
CREATE TABLE public.openapi_hidden (id int);
REVOKE ALL ON public.openapi_hidden FROM PUBLIC;
CREATE FUNCTION public.openapi_find(colour public.colour, most int DEFAULT 10) RETURNS SETOF public.openapi_things LANGUAGE sql STABLE AS
  'SELECT * FROM public.openapi_things';
CREATE FUNCTION public.openapi_two(a int) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION public.openapi_two(a int, b text) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.openapi_forbidden() RETURNS int LANGUAGE sql AS 'SELECT 1';
REVOKE EXECUTE ON FUNCTION public.openapi_forbidden() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.openapi_find(public.colour, int), public.openapi_two(int), public.openapi_two(int, text) TO anon, authenticated;
CREATE FUNCTION public.openapi_route(jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT $1';
SELECT vyricon.route('GET', '/openapi_route/:id', 'public.openapi_route', 'my own') \gset ignored_

SELECT test.as('anon');
RESET ROLE;
CREATE TEMP TABLE described ON COMMIT DROP AS SELECT 'anon' AS who, status, headers, json AS d FROM test.call('GET', '/openapi.json');
SELECT test.as('guide@example.com');
RESET ROLE;
INSERT INTO described SELECT 'guide', status, headers, json FROM test.call('GET', '/openapi.json');
SELECT json AS root FROM test.call('GET', '/rest/v1/') \gset
SELECT d AS anon FROM described WHERE who = 'anon' \gset
SELECT d AS guide FROM described WHERE who = 'guide' \gset

SELECT is((SELECT array_agg(status) FROM described), '{200,200}', 'everybody gets a description');
SELECT is(:'anon'::jsonb->>'openapi', '3.1.0', 'it is OpenAPI 3.1');
SELECT is(:'root'::jsonb->'paths', :'guide'::jsonb->'paths', '/rest/v1/ answers the same');
SELECT is((SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(:'anon'::jsonb->'paths'->'/rest/v1/openapi_things') k), '{get}', 'anon may only read the table');
SELECT is((SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(:'guide'::jsonb->'paths'->'/rest/v1/openapi_things') k), '{delete,get,patch,post}',
          'a user may write it');
SELECT ok(NOT :'guide'::jsonb->'paths' ? '/rest/v1/openapi_hidden', 'a table without a grant is not there');
SELECT ok(NOT :'anon'::jsonb->'components'->'schemas'->'openapi_things'->'properties' ? 'secret', 'a column without a grant is not there');
SELECT ok(:'guide'::jsonb->'components'->'schemas'->'openapi_things'->'properties' ? 'secret', 'but for who may read it');
SELECT is(:'anon'::jsonb#>array['components', 'schemas', 'openapi_things', 'properties', column_name], want, column_name || ' is ' || want)
  FROM (VALUES
    ('id', '{"x-type":"bigint","type":"integer","format":"int64","description":"Primary key.","readOnly":true}'::jsonb),
    ('name', '{"x-type":"character varying(40)","type":"string","maxLength":40}'),
    ('share', '{"x-type":"public.percent","type":"integer","format":"int32","description":"of the whole"}'),
    ('tags', '{"x-type":"text[]","type":["array","null"],"items":{"x-type":"text","type":["string","null"]}}'),
    ('extra', '{"x-type":"jsonb"}'),
    ('made', '{"x-type":"timestamp with time zone","type":"string","format":"date-time"}')) AS t(column_name, want);
SELECT is(:'anon'::jsonb#>'{components,schemas,openapi_things,properties,colour,enum}', '["red", "it''s \"blue\"", null]', 'an enum lists its labels');
SELECT is(:'guide'::jsonb#>'{components,schemas,openapi_things.new,required}', '["share"]', 'what a new row must have is required');
SELECT is(:'guide'::jsonb#>>'{components,schemas,openapi_things.new,properties,name,default}', 'no''name', 'a literal default is told');
SELECT ok(NOT :'guide'::jsonb#>'{components,schemas,openapi_things.new,properties}' ? 'id', 'a generated column is not written');
SELECT is(:'anon'::jsonb#>'{paths,/rest/v1/rpc/openapi_find,post,responses,200,content,application/json,schema}',
          '{"type":"array","items":{"$ref":"#/components/schemas/openapi_things"}}', 'a function''s result refers to its table');
SELECT is(jsonb_array_length(:'anon'::jsonb#>'{paths,/rest/v1/rpc/openapi_two,post,requestBody,content,application/json,schema,anyOf}'), 2,
          'both overloads of a function are told');
SELECT ok(:'anon'::jsonb->'paths'->'/rest/v1/rpc/openapi_find' ? 'get' AND NOT :'anon'::jsonb->'paths'->'/rest/v1/rpc/openapi_two' ? 'get'
          AND NOT :'anon'::jsonb->'paths' ? '/rest/v1/rpc/openapi_forbidden', 'only stable functions are asked by GET, only allowed ones are there');
SELECT is(:'anon'::jsonb#>>ARRAY['paths', '/openapi_route/{id}', 'get', 'parameters', '0', 'name'], 'id', 'a user''s route is there with its parameters');
SELECT is((SELECT status FROM test.call('GET', '/rest/v1/', NULL::text, '{"accept-profile":"nowhere"}')), 406, 'a schema that is not exposed is 406');
SELECT is((SELECT count(*) FROM (SELECT o->>'operationId' FROM jsonb_each(:'guide'::jsonb->'paths') p, jsonb_each(p.value) m(k, o)
           GROUP BY 1 HAVING count(*) > 1) x), 0::bigint, 'operationIds are unique');
-- The page that shows it.
SELECT is((SELECT status::text || (headers->>'content-type') FROM test.call('GET', path)), want, path || ' is served')
  FROM (VALUES ('/docs', '200text/html; charset=utf-8'), ('/docs/start.js', '200text/javascript; charset=utf-8'),
               ('/docs/swagger-ui.css', '200text/css; charset=utf-8'), ('/docs/swagger-ui-bundle.js', '200text/javascript; charset=utf-8')) AS t(path, want);
SELECT ok((SELECT headers->>'content-security-policy' LIKE 'default-src ''self''%' AND body NOT LIKE '%<script>%' FROM test.call('GET', '/docs')),
          'the page has a policy and no inline script');
SELECT is((SELECT status FROM test.call('GET', '/docs/nothing.js')), 404, 'another file is 404');
SELECT is((SELECT c.status FROM test.call('GET', '/docs/swagger-ui.css') AS f,
           test.call('GET', '/docs/swagger-ui.css', NULL::text, jsonb_build_object('if-none-match', f.headers->>'etag')) AS c), 304, 'an unchanged file is 304');
SELECT * FROM finish();
ROLLBACK;
