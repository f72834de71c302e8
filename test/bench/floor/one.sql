\set id 1 + :user + 1000 * random(0, 99)
-- measured
SELECT * FROM public.tours WHERE id = :id;
