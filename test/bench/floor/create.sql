\set title random(100000, 999999)
\set price random(0, 100000)
-- measured
INSERT INTO public.tours (title, description, price_cents, seats, starts_on)
VALUES (:title, 'A small group, a good pace and coffee at the end.', :price, 12, '2027-05-01') RETURNING *;
