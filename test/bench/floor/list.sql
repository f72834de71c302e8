-- measured
SELECT * FROM public.tours ORDER BY created_at DESC, id DESC LIMIT 20;
