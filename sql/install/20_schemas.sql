-- Plain CREATE SCHEMA: where somebody made such a schema before, CREATE EXTENSION fails instead of building on a foreign ground.
CREATE SCHEMA vyricon AUTHORIZATION vyricon_owner;
CREATE SCHEMA auth AUTHORIZATION vyricon_owner;
CREATE SCHEMA access AUTHORIZATION vyricon_owner;
COMMENT ON SCHEMA vyricon IS 'Vyricon: requests, routes, settings, jobs, setup';
COMMENT ON SCHEMA auth IS 'Vyricon: who is calling';
COMMENT ON SCHEMA access IS 'Vyricon: what a caller may do';
