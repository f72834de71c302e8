-- The tours application: guides offer tours, travellers book them.
-- expose() gives each table forced row-level security, policies, grants, indexes and the owner column's default.
CREATE TABLE public.tours (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE,
  title text NOT NULL CHECK (length(title) BETWEEN 3 AND 200),
  description text,
  price_cents int NOT NULL DEFAULT 0 CHECK (price_cents >= 0),
  starts_at timestamptz,
  published boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE public.bookings (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE,
  tour_id uuid NOT NULL REFERENCES public.tours (id) ON DELETE CASCADE,
  seats int NOT NULL DEFAULT 1 CHECK (seats BETWEEN 1 AND 20),
  created_at timestamptz NOT NULL DEFAULT now()
);

SELECT vyricon.expose('public.tours', owner => 'user_id', publish => 'published');
SELECT vyricon.expose('public.bookings', owner => 'user_id');

INSERT INTO auth.users (id, aud, role, email, email_confirmed_at, created_at, updated_at, raw_app_meta_data, raw_user_meta_data)
SELECT id::uuid, 'authenticated', 'authenticated', email, now(), now(), now(), '{"provider":"email","providers":["email"]}', '{}'
  FROM (VALUES ('11111111-1111-4111-8111-111111111111', 'guide@example.com'),
               ('22222222-2222-4222-8222-222222222222', 'traveller@example.com'),
               ('33333333-3333-4333-8333-333333333333', 'stranger@example.com')) AS t(id, email);

-- 200 tours: the guide owns 170, the traveller 20, the stranger 10; two of three are published.
INSERT INTO public.tours (id, user_id, title, description, price_cents, starts_at, published)
SELECT md5('tour ' || i)::uuid,
       CASE WHEN i % 10 = 3 THEN '22222222-2222-4222-8222-222222222222'
            WHEN i % 20 = 7 THEN '33333333-3333-4333-8333-333333333333'
            ELSE '11111111-1111-4111-8111-111111111111' END::uuid,
       (ARRAY['Sunrise over', 'An evening in', 'Two wheels through', 'Markets of', 'The quiet side of'])[1 + i % 5] || ' ' ||
       (ARRAY['the old harbour', 'the salt hills', 'Lisbon', 'the upper lakes', 'Marrakesh', 'the cork forest', 'Naples', 'the north coast'])[1 + i % 8],
       'A small group, a good pace and ' || (ARRAY['coffee at the end', 'a boat back', 'bread from the oven', 'time to look'])[1 + i % 4] || '.',
       1500 + 100 * (i * 37 % 90),
       timestamptz '2027-03-01 08:00:00+00' + i * interval '9 hours',
       i % 3 <> 0
  FROM generate_series(1, 200) AS i;

INSERT INTO public.bookings (user_id, tour_id, seats)
SELECT '22222222-2222-4222-8222-222222222222', id, 2 FROM public.tours WHERE published ORDER BY starts_at LIMIT 3;
