-- What the shim calls, played: the target says what happens. The packed forms are those of extension/base/wire.h.
CREATE SCHEMA vyricon;
CREATE SEQUENCE vyricon.tries;
CREATE TABLE vyricon.deferred (a int UNIQUE DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE vyricon.written (id text);
INSERT INTO vyricon.deferred VALUES (1);

CREATE FUNCTION vyricon.number(q bytea, at int, n int) RETURNS int LANGUAGE sql IMMUTABLE AS
$$ SELECT sum(get_byte(q, at + i) << 8 * (n - 1 - i))::int FROM generate_series(0, n - 1) i $$;

CREATE FUNCTION vyricon.header(name text, value text) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT substring(int4send(octet_length(name)) FROM 3) || convert_to(name, 'UTF8') || int4send(octet_length(value)) || convert_to(value, 'UTF8') $$;

CREATE FUNCTION vyricon.unpack(q bytea, OUT method text, OUT target text, OUT headers jsonb, OUT body bytea, OUT peer text) LANGUAGE plpgsql AS $$
DECLARE
  at int := 18;
  n int;
  name text;
BEGIN
  peer := CASE get_byte(q, 1) WHEN 4 THEN format('%s.%s.%s.%s', get_byte(q, 2), get_byte(q, 3), get_byte(q, 4), get_byte(q, 5)) WHEN 6 THEN 'six' END;
  n := vyricon.number(q, at, 2);
  method := convert_from(substring(q FROM at + 3 FOR n), 'UTF8');
  at := at + 2 + n;
  n := vyricon.number(q, at, 4);
  target := convert_from(substring(q FROM at + 5 FOR n), 'UTF8');
  at := at + 4 + n;
  headers := '{}';
  at := at + 2;
  FOR i IN 1 .. vyricon.number(q, at - 2, 2) LOOP
    n := vyricon.number(q, at, 2);
    name := convert_from(substring(q FROM at + 3 FOR n), 'UTF8');
    at := at + 2 + n;
    n := vyricon.number(q, at, 4);
    headers := headers || jsonb_build_object(name, convert_from(substring(q FROM at + 5 FOR n), 'UTF8'));
    at := at + 4 + n;
  END LOOP;
  n := vyricon.number(q, at, 4);
  body := substring(q FROM at + 5);
  ASSERT octet_length(body) = n;
END $$;

CREATE FUNCTION vyricon.answer(status int, id text, body bytea) RETURNS bytea LANGUAGE sql AS
$$ SELECT '\x00'::bytea || substring(int4send(status) FROM 3) || '\x0004' || vyricon.header('x-request-id', id) || vyricon.header('x-vyricon-shim-wait', 'secret')
       || vyricon.header('content-type', 'application/json') || vyricon.header('etag', '"e"') || body $$;

CREATE FUNCTION vyricon.waiting(ticket text) RETURNS bytea LANGUAGE sql AS
$$ SELECT '\x00'::bytea || substring(int4send(202) FROM 3) || '\x0001' || vyricon.header('x-vyricon-shim-wait', ticket) || 'not yet'::bytea $$;

CREATE FUNCTION vyricon.http_wire(q bytea) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
  r record;
  word text[];
BEGIN
  r := vyricon.unpack(q);
  word := string_to_array(split_part(r.target, '?', 1), '/');
  CASE word[2]
    WHEN 'sleep' THEN PERFORM pg_sleep(word[3]::float / 1000);
    WHEN 'big' THEN RETURN vyricon.answer(200, r.headers->>'x-request-id', convert_to(repeat('x', word[3]::int), 'UTF8'));
    WHEN 'raise' THEN RAISE EXCEPTION USING ERRCODE = word[3], MESSAGE = 'raised on purpose', HINT = 'do not';
    WHEN 'conflict' THEN
      IF nextval('vyricon.tries') % (word[3]::int + 1) <> 0 THEN RAISE EXCEPTION USING ERRCODE = '40001', MESSAGE = 'conflict'; END IF;
    WHEN 'commit' THEN INSERT INTO vyricon.deferred VALUES (1);
    WHEN 'wait' THEN INSERT INTO vyricon.written VALUES ('asked ' || word[3]); RETURN vyricon.waiting(word[3] || '.secret ' || word[4]);
    WHEN 'write' THEN INSERT INTO vyricon.written VALUES (r.headers->>'x-request-id'); PERFORM pg_sleep(0.05);
    WHEN 'kill' THEN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1);
    WHEN 'broken' THEN RETURN '\x00';
    WHEN 'heads' THEN RETURN '\x00'::bytea || substring(int4send(200) FROM 3) || '\x0004' || vyricon.header('x-request-id', 'heads') || vyricon.header('x-empty', '')
      || vyricon.header('x-utf8', 'tür') || CASE word[3] WHEN 'crlf' THEN vyricon.header('x-a', E'b\r\nx-evil: 1') WHEN 'lf' THEN vyricon.header('x-a', E'b\nx-evil: 1')
      WHEN 'name' THEN vyricon.header(E'x-a: b\r\nx-evil', '1') WHEN 'length' THEN vyricon.header('content-length', '3') ELSE vyricon.header('x-last', 'b') END || convert_to('body', 'UTF8');
    WHEN 'status' THEN RETURN vyricon.answer(word[3]::int, r.headers->>'x-request-id', '');
    ELSE NULL;
  END CASE;
  RETURN vyricon.answer(200, r.headers->>'x-request-id', convert_to(jsonb_build_object('method', r.method, 'target', r.target, 'headers', r.headers,
    'peer', r.peer, 'length', octet_length(r.body), 'md5', md5(r.body))::text, 'UTF8'));
END $$;

CREATE FUNCTION vyricon.http_failed(q bytea, fields text[]) RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
  IF fields[1] = 'P0099' THEN RAISE 'failed to say how it failed'; END IF;
  RETURN vyricon.answer(409, (vyricon.unpack(q)).headers->>'x-request-id', convert_to(to_json(fields)::text, 'UTF8'));
END $$;

-- Tickets whose number is odd go on waiting as long as they may.
CREATE FUNCTION vyricon.http_resume(q bytea, ticket text, final boolean) RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO vyricon.written VALUES ('resumed ' || ticket || ' ' || final);
  IF split_part(ticket, '.', 1)::int % 2 = 1 AND NOT final THEN RETURN vyricon.waiting(ticket || ' 0'); END IF;
  RETURN vyricon.answer(200, 'resumed', convert_to(ticket || ' ' || final, 'UTF8'));
END $$;

CREATE FUNCTION vyricon.ready() RETURNS text LANGUAGE sql AS $$ SELECT ''::text $$;
