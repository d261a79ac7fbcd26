-- Links sires, dams and damsires to the horses they are, by name: the API does not.
--
-- It runs after the load, so that a sire which was seen before its own races is linked too. Foreign and unraced stock
-- stays without a link. Where two horses share a name, the smaller id is taken.

-- Runs that meet wait here, and not for each other's rows in a circle.
LOCK TABLE public.ra_mst_sires, public.ra_mst_dams, public.ra_mst_damsires IN SHARE ROW EXCLUSIVE MODE;

UPDATE public.ra_mst_sires AS parent SET horse_id = found.horse_id
FROM (
    SELECT sire.sire_id, min(horse.horse_id) AS horse_id
    FROM public.ra_mst_sires AS sire
    LEFT JOIN public.ra_mst_horses AS horse ON lower(horse.horse_name) = lower(sire.sire_name)
    GROUP BY sire.sire_id
) AS found
WHERE found.sire_id = parent.sire_id AND found.horse_id IS DISTINCT FROM parent.horse_id;

UPDATE public.ra_mst_dams AS parent SET horse_id = found.horse_id
FROM (
    SELECT dam.dam_id, min(horse.horse_id) AS horse_id
    FROM public.ra_mst_dams AS dam
    LEFT JOIN public.ra_mst_horses AS horse ON lower(horse.horse_name) = lower(dam.dam_name)
    GROUP BY dam.dam_id
) AS found
WHERE found.dam_id = parent.dam_id AND found.horse_id IS DISTINCT FROM parent.horse_id;

UPDATE public.ra_mst_damsires AS parent SET horse_id = found.horse_id
FROM (
    SELECT damsire.damsire_id, min(horse.horse_id) AS horse_id
    FROM public.ra_mst_damsires AS damsire
    LEFT JOIN public.ra_mst_horses AS horse ON lower(horse.horse_name) = lower(damsire.damsire_name)
    GROUP BY damsire.damsire_id
) AS found
WHERE found.damsire_id = parent.damsire_id AND found.horse_id IS DISTINCT FROM parent.horse_id;
