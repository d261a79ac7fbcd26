-- The runners of the races in `batch`, and their sires, dams and damsires. Both feeds use this file.
--
-- The name of the newest race is kept, whatever the order in which races are read. A runner may have an id without a
-- name. In the order of the ids, so that workers which meet at one row do not wait for each other in a circle.

INSERT INTO public.ra_mst_horses AS known (horse_id, horse_name, as_of)
SELECT DISTINCT ON (horse_id) horse_id, NULLIF(horse, ''), CASE WHEN horse <> '' THEN (doc ->> 'date')::date END
FROM batch, jsonb_to_recordset(doc -> 'runners') AS runner (horse_id text, horse text)
WHERE horse_id <> ''
ORDER BY 1, 3 DESC NULLS LAST, 2 DESC
ON CONFLICT (horse_id) DO UPDATE SET horse_name = EXCLUDED.horse_name, as_of = EXCLUDED.as_of
WHERE (EXCLUDED.as_of, EXCLUDED.horse_name) > (COALESCE(known.as_of, '-infinity'), COALESCE(known.horse_name, ''));

INSERT INTO public.ra_mst_sires AS known (sire_id, sire_name, as_of)
SELECT DISTINCT ON (sire_id) sire_id, NULLIF(sire, ''), CASE WHEN sire <> '' THEN (doc ->> 'date')::date END
FROM batch, jsonb_to_recordset(doc -> 'runners') AS runner (sire_id text, sire text)
WHERE sire_id <> ''
ORDER BY 1, 3 DESC NULLS LAST, 2 DESC
ON CONFLICT (sire_id) DO UPDATE SET sire_name = EXCLUDED.sire_name, as_of = EXCLUDED.as_of
WHERE (EXCLUDED.as_of, EXCLUDED.sire_name) > (COALESCE(known.as_of, '-infinity'), COALESCE(known.sire_name, ''));

INSERT INTO public.ra_mst_dams AS known (dam_id, dam_name, as_of)
SELECT DISTINCT ON (dam_id) dam_id, NULLIF(dam, ''), CASE WHEN dam <> '' THEN (doc ->> 'date')::date END
FROM batch, jsonb_to_recordset(doc -> 'runners') AS runner (dam_id text, dam text)
WHERE dam_id <> ''
ORDER BY 1, 3 DESC NULLS LAST, 2 DESC
ON CONFLICT (dam_id) DO UPDATE SET dam_name = EXCLUDED.dam_name, as_of = EXCLUDED.as_of
WHERE (EXCLUDED.as_of, EXCLUDED.dam_name) > (COALESCE(known.as_of, '-infinity'), COALESCE(known.dam_name, ''));

INSERT INTO public.ra_mst_damsires AS known (damsire_id, damsire_name, as_of)
SELECT DISTINCT ON (damsire_id) damsire_id, NULLIF(damsire, ''), CASE WHEN damsire <> '' THEN (doc ->> 'date')::date END
FROM batch, jsonb_to_recordset(doc -> 'runners') AS runner (damsire_id text, damsire text)
WHERE damsire_id <> ''
ORDER BY 1, 3 DESC NULLS LAST, 2 DESC
ON CONFLICT (damsire_id) DO UPDATE SET damsire_name = EXCLUDED.damsire_name, as_of = EXCLUDED.as_of
WHERE (EXCLUDED.as_of, EXCLUDED.damsire_name) > (COALESCE(known.as_of, '-infinity'), COALESCE(known.damsire_name, ''));
