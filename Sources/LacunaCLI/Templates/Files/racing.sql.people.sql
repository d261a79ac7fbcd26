-- Jockeys, trainers and owners of the races in `batch`. Both feeds use this file.
--
-- The name of the newest race is kept, whatever the order in which races are read. A runner may have an id without a
-- name. In the order of the ids, so that workers which meet at one row do not wait for each other in a circle.

INSERT INTO public.ra_mst_jockeys AS known (jockey_id, jockey_name, as_of)
SELECT DISTINCT ON (jockey_id) jockey_id, NULLIF(jockey, ''), CASE WHEN jockey <> '' THEN (doc ->> 'date')::date END
FROM batch, jsonb_to_recordset(doc -> 'runners') AS runner (jockey_id text, jockey text)
WHERE jockey_id <> ''
ORDER BY 1, 3 DESC NULLS LAST, 2 DESC
ON CONFLICT (jockey_id) DO UPDATE SET jockey_name = EXCLUDED.jockey_name, as_of = EXCLUDED.as_of
WHERE (EXCLUDED.as_of, EXCLUDED.jockey_name) > (COALESCE(known.as_of, '-infinity'), COALESCE(known.jockey_name, ''));

INSERT INTO public.ra_mst_trainers AS known (trainer_id, trainer_name, as_of)
SELECT DISTINCT ON (trainer_id) trainer_id, NULLIF(trainer, ''), CASE WHEN trainer <> '' THEN (doc ->> 'date')::date END
FROM batch, jsonb_to_recordset(doc -> 'runners') AS runner (trainer_id text, trainer text)
WHERE trainer_id <> ''
ORDER BY 1, 3 DESC NULLS LAST, 2 DESC
ON CONFLICT (trainer_id) DO UPDATE SET trainer_name = EXCLUDED.trainer_name, as_of = EXCLUDED.as_of
WHERE (EXCLUDED.as_of, EXCLUDED.trainer_name) > (COALESCE(known.as_of, '-infinity'), COALESCE(known.trainer_name, ''));

INSERT INTO public.ra_mst_owners AS known (owner_id, owner_name, as_of)
SELECT DISTINCT ON (owner_id) owner_id, NULLIF(owner, ''), CASE WHEN owner <> '' THEN (doc ->> 'date')::date END
FROM batch, jsonb_to_recordset(doc -> 'runners') AS runner (owner_id text, owner text)
WHERE owner_id <> ''
ORDER BY 1, 3 DESC NULLS LAST, 2 DESC
ON CONFLICT (owner_id) DO UPDATE SET owner_name = EXCLUDED.owner_name, as_of = EXCLUDED.as_of
WHERE (EXCLUDED.as_of, EXCLUDED.owner_name) > (COALESCE(known.as_of, '-infinity'), COALESCE(known.owner_name, ''));
