BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT set_config('search_path', '"public"', true), set_config('role', 'authenticated', true), set_config('request.jwt.claims', :claims, true),
       set_config('request.method', 'POST', true), set_config('request.path', '/tours', true),
       set_config('request.headers', '{"host":"127.0.0.1","accept":"*/*","user-agent":"bench"}', true), set_config('request.cookies', '{}', true);
WITH pgrst_source AS (
  INSERT INTO "public"."tours" ("title", "description", "price_cents", "seats", "starts_on")
  SELECT "pgrst_body"."title", "pgrst_body"."description", "pgrst_body"."price_cents", "pgrst_body"."seats", "pgrst_body"."starts_on"
    FROM (SELECT :body::json AS json_data) pgrst_payload,
         LATERAL (SELECT "title", "description", "price_cents", "seats", "starts_on"
                    FROM json_to_record(pgrst_payload.json_data)
                      AS _("title" text, "description" text, "price_cents" integer, "seats" integer, "starts_on" date)) pgrst_body
  RETURNING "public"."tours".*)
SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body,
       nullif(current_setting('response.headers', true), '') AS response_headers, nullif(current_setting('response.status', true), '') AS response_status,
       '' AS response_inserted
  FROM (SELECT * FROM pgrst_source) _postgrest_t;
COMMIT;
