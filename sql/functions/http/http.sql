-- C side: extension/http/http.c
CREATE OR REPLACE FUNCTION vyricon.http_wire(request bytea) RETURNS bytea
  AS 'MODULE_PATHNAME', 'vyricon_http_wire' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION vyricon.http_wire(bytea) IS 'answer one packed HTTP request; for the shim';

CREATE OR REPLACE FUNCTION vyricon.http_failed(request bytea, failure text[]) RETURNS bytea
  AS 'MODULE_PATHNAME', 'vyricon_http_failed' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION vyricon.http_failed(bytea, text[]) IS 'the answer to a request whose transaction failed; for the shim';

CREATE OR REPLACE FUNCTION vyricon.http_resume(request bytea, ticket text, final boolean) RETURNS bytea
  AS 'MODULE_PATHNAME', 'vyricon_http_resume' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION vyricon.http_resume(bytea, text, boolean)
  IS 'the answer to a request that waited, by the ticket in its x-vyricon-shim-wait; final: even if there is more to wait for; for the shim';

CREATE OR REPLACE FUNCTION vyricon.http(method text, target text, headers text[] DEFAULT '{}', body bytea DEFAULT NULL, peer inet DEFAULT NULL,
                                        OUT status integer, OUT headers text[], OUT body bytea) RETURNS record
  AS 'MODULE_PATHNAME', 'vyricon_http' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION vyricon.http(text, text, text[], bytea, inet)
  IS 'answer one HTTP request, as the shim would: status, headers (name, value, name, value ...) and body; x-vyricon-shim-* are for the shim';

REVOKE ALL ON FUNCTION vyricon.http_wire(bytea), vyricon.http_failed(bytea, text[]), vyricon.http_resume(bytea, text, boolean),
  vyricon.http(text, text, text[], bytea, inet) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vyricon.http_wire(bytea), vyricon.http_failed(bytea, text[]), vyricon.http_resume(bytea, text, boolean) TO vyricon_shim;

