-- The table that the faults are aimed at. No key on the id: a write that were applied twice must show as two rows, not as an error.
CREATE TABLE public.events (
  id uuid NOT NULL,
  user_id uuid NOT NULL,
  batch uuid,
  note text NOT NULL
);
CREATE INDEX ON public.events (id);
SELECT vyricon.expose('public.events', owner => 'user_id');

-- What the load generator reads: row i belongs to user i % 4.
CREATE TABLE public.things (
  id bigint PRIMARY KEY,
  user_id uuid NOT NULL,
  note text NOT NULL
);
INSERT INTO public.things
SELECT i, overlay(overlay(md5('user ' || i % 4) PLACING '4' FROM 13) PLACING '8' FROM 17)::uuid, 'thing ' || i FROM generate_series(1, 1000) AS i;
SELECT vyricon.expose('public.things', owner => 'user_id');

-- A route that costs CPU time: the same row, after counting to turns.
CREATE FUNCTION public.slow_thing(id bigint, turns int) RETURNS SETOF public.things LANGUAGE plpgsql STABLE AS $$
BEGIN
  FOR i IN 1 .. turns LOOP NULL; END LOOP;
  RETURN QUERY SELECT t.* FROM public.things AS t WHERE t.id = slow_thing.id;
END $$;
GRANT EXECUTE ON FUNCTION public.slow_thing TO authenticated;
