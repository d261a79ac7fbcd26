-- A horse's own page: what there is to know of the animal, and its pedigree with ids.

UPDATE public.ra_mst_horses AS horse SET
    horse_name = COALESCE(horse.horse_name, NULLIF(doc ->> 'name', '')),
    sex = NULLIF(doc ->> 'sex', ''),
    sex_code = NULLIF(doc ->> 'sex_code', ''),
    dob = NULLIF(doc ->> 'dob', '')::date,
    colour = NULLIF(doc ->> 'colour', ''),
    colour_code = NULLIF(doc ->> 'colour_code', ''),
    region = NULLIF(doc ->> 'region', ''),
    breeder = NULLIF(doc ->> 'breeder', '')
FROM batch
WHERE horse.horse_id = doc ->> 'id';

INSERT INTO public.ra_horse_pedigree (horse_id, sire_id, sire, dam_id, dam, damsire_id, damsire)
SELECT
    doc ->> 'id', NULLIF(doc ->> 'sire_id', ''), NULLIF(doc ->> 'sire', ''), NULLIF(doc ->> 'dam_id', ''),
    NULLIF(doc ->> 'dam', ''), NULLIF(doc ->> 'damsire_id', ''), NULLIF(doc ->> 'damsire', '')
FROM batch
ORDER BY 1
ON CONFLICT (horse_id) DO UPDATE SET
    sire_id = EXCLUDED.sire_id, sire = EXCLUDED.sire, dam_id = EXCLUDED.dam_id, dam = EXCLUDED.dam,
    damsire_id = EXCLUDED.damsire_id, damsire = EXCLUDED.damsire;

-- A page names no day: a name that a race gave is the better one.
INSERT INTO public.ra_mst_sires AS known (sire_id, sire_name)
SELECT DISTINCT ON (doc ->> 'sire_id') doc ->> 'sire_id', NULLIF(doc ->> 'sire', '')
FROM batch
WHERE doc ->> 'sire_id' <> ''
ORDER BY 1, 2
ON CONFLICT (sire_id) DO UPDATE SET sire_name = EXCLUDED.sire_name
WHERE known.sire_name IS NULL AND EXCLUDED.sire_name IS NOT NULL;

INSERT INTO public.ra_mst_dams AS known (dam_id, dam_name)
SELECT DISTINCT ON (doc ->> 'dam_id') doc ->> 'dam_id', NULLIF(doc ->> 'dam', '')
FROM batch
WHERE doc ->> 'dam_id' <> ''
ORDER BY 1, 2
ON CONFLICT (dam_id) DO UPDATE SET dam_name = EXCLUDED.dam_name
WHERE known.dam_name IS NULL AND EXCLUDED.dam_name IS NOT NULL;

INSERT INTO public.ra_mst_damsires AS known (damsire_id, damsire_name)
SELECT DISTINCT ON (doc ->> 'damsire_id') doc ->> 'damsire_id', NULLIF(doc ->> 'damsire', '')
FROM batch
WHERE doc ->> 'damsire_id' <> ''
ORDER BY 1, 2
ON CONFLICT (damsire_id) DO UPDATE SET damsire_name = EXCLUDED.damsire_name
WHERE known.damsire_name IS NULL AND EXCLUDED.damsire_name IS NOT NULL;
