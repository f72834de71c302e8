BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;
SELECT set_config('search_path', '"public"', true), set_config('role', 'authenticated', true), set_config('request.jwt.claims', :claims, true),
       set_config('request.method', 'GET', true), set_config('request.path', '/tours', true),
       set_config('request.headers', '{"host":"127.0.0.1","accept":"*/*","user-agent":"bench"}', true), set_config('request.cookies', '{}', true);
WITH pgrst_source AS (SELECT "public"."tours".* FROM "public"."tours" ORDER BY "public"."tours"."created_at" DESC, "public"."tours"."id" DESC LIMIT 20)
SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body,
       nullif(current_setting('response.headers', true), '') AS response_headers, nullif(current_setting('response.status', true), '') AS response_status,
       '' AS response_inserted
  FROM (SELECT * FROM pgrst_source) _postgrest_t;
COMMIT;
