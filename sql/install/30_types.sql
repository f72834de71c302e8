-- What a handler named by vyricon.route() gets and gives back.
CREATE TYPE vyricon.request AS (
  method text,
  path text,
  params jsonb,
  query jsonb,
  headers jsonb,
  body bytea
);
COMMENT ON TYPE vyricon.request IS
  'a request: params are the path parameters, query the decoded query string (a name given twice holds '
  'an array), headers have lower-case names';

CREATE TYPE vyricon.response AS (
  status integer,
  headers jsonb,
  body bytea
);
COMMENT ON TYPE vyricon.response IS 'an answer: status 200 and no header when null; headers is an object of texts';
