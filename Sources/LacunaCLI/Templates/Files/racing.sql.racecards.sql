-- Racecards: what is known before the race. A NULL takes nothing away that another racecard or the result gave.
--
-- No DISTINCT: a race that comes twice in one answer means that pages shifted while they were read, and is an error.

INSERT INTO public.ra_races AS race (
    race_id, date, course_id, region_code, race_name, off_dt, distance_f, race_class, race_type, going, racecard_date)
SELECT
    doc ->> 'race_id', (doc ->> 'date')::date, doc ->> 'course_id', doc ->> 'region', NULLIF(doc ->> 'race_name', ''),
    NULLIF(doc ->> 'off_dt', '')::timestamptz, NULLIF(doc ->> 'distance_f', '')::numeric,
    NULLIF(doc ->> 'race_class', ''), NULLIF(doc ->> 'type', ''), NULLIF(doc ->> 'going', ''), (doc ->> 'date')::date
FROM batch
ORDER BY 1
ON CONFLICT (race_id) DO UPDATE SET
    date = EXCLUDED.date,
    course_id = EXCLUDED.course_id,
    region_code = EXCLUDED.region_code,
    race_name = COALESCE(EXCLUDED.race_name, race.race_name),
    off_dt = COALESCE(EXCLUDED.off_dt, race.off_dt),
    distance_f = COALESCE(EXCLUDED.distance_f, race.distance_f),
    race_class = COALESCE(EXCLUDED.race_class, race.race_class),
    race_type = COALESCE(EXCLUDED.race_type, race.race_type),
    going = COALESCE(EXCLUDED.going, race.going),
    racecard_date = EXCLUDED.racecard_date;

INSERT INTO public.ra_runners AS runner (
    race_id, horse_id, horse_name, number, draw, weight_lbs, jockey_id, jockey_name, trainer_id, trainer_name,
    owner_id, owner_name, sire_id, dam_id, damsire_id)
SELECT
    doc ->> 'race_id', card.horse_id, NULLIF(card.horse, ''), NULLIF(card.number, '')::integer,
    NULLIF(card.draw, '')::integer, NULLIF(card.lbs, '')::integer, NULLIF(card.jockey_id, ''), NULLIF(card.jockey, ''),
    NULLIF(card.trainer_id, ''), NULLIF(card.trainer, ''), NULLIF(card.owner_id, ''), NULLIF(card.owner, ''),
    NULLIF(card.sire_id, ''), NULLIF(card.dam_id, ''), NULLIF(card.damsire_id, '')
FROM batch, jsonb_to_recordset(doc -> 'runners') AS card (
    horse_id text, horse text, number text, draw text, lbs text, jockey_id text, jockey text, trainer_id text,
    trainer text, owner_id text, owner text, sire_id text, dam_id text, damsire_id text)
ORDER BY 1, 2
ON CONFLICT (race_id, horse_id) DO UPDATE SET
    horse_name = COALESCE(EXCLUDED.horse_name, runner.horse_name),
    number = COALESCE(EXCLUDED.number, runner.number),
    draw = COALESCE(EXCLUDED.draw, runner.draw),
    weight_lbs = COALESCE(EXCLUDED.weight_lbs, runner.weight_lbs),
    jockey_id = COALESCE(EXCLUDED.jockey_id, runner.jockey_id),
    jockey_name = COALESCE(EXCLUDED.jockey_name, runner.jockey_name),
    trainer_id = COALESCE(EXCLUDED.trainer_id, runner.trainer_id),
    trainer_name = COALESCE(EXCLUDED.trainer_name, runner.trainer_name),
    owner_id = COALESCE(EXCLUDED.owner_id, runner.owner_id),
    owner_name = COALESCE(EXCLUDED.owner_name, runner.owner_name),
    sire_id = COALESCE(EXCLUDED.sire_id, runner.sire_id),
    dam_id = COALESCE(EXCLUDED.dam_id, runner.dam_id),
    damsire_id = COALESCE(EXCLUDED.damsire_id, runner.damsire_id);

INSERT INTO public.ra_mst_bookmakers (bookmaker)
SELECT DISTINCT offer.bookmaker
FROM batch, jsonb_to_recordset(doc -> 'runners') AS card (odds jsonb),
    jsonb_to_recordset(card.odds) AS offer (bookmaker text)
WHERE offer.bookmaker <> ''
ORDER BY 1
ON CONFLICT (bookmaker) DO NOTHING;
