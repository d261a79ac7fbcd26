-- Results: what is known after the race. What they say of before it fills in only where the racecard is silent, so that
-- both feeds come to the same rows in either order.
--
-- No DISTINCT: a race that comes twice in one answer means that pages shifted while they were read, and is an error.

INSERT INTO public.ra_races AS race (
    race_id, date, course_id, region_code, race_name, off_dt, distance_f, race_class, race_type, going, winning_time,
    result_date)
SELECT
    doc ->> 'race_id', (doc ->> 'date')::date, doc ->> 'course_id', doc ->> 'region', NULLIF(doc ->> 'race_name', ''),
    NULLIF(doc ->> 'off_dt', '')::timestamptz, NULLIF(doc ->> 'dist_f', '')::numeric, NULLIF(doc ->> 'class', ''),
    NULLIF(doc ->> 'type', ''), NULLIF(doc ->> 'going', ''), NULLIF(doc ->> 'winning_time_detail', ''),
    (doc ->> 'date')::date
FROM batch
ORDER BY 1
ON CONFLICT (race_id) DO UPDATE SET
    race_name = COALESCE(race.race_name, EXCLUDED.race_name),
    off_dt = COALESCE(race.off_dt, EXCLUDED.off_dt),
    distance_f = COALESCE(race.distance_f, EXCLUDED.distance_f),
    race_class = COALESCE(race.race_class, EXCLUDED.race_class),
    race_type = COALESCE(race.race_type, EXCLUDED.race_type),
    going = COALESCE(race.going, EXCLUDED.going),
    winning_time = EXCLUDED.winning_time,
    result_date = EXCLUDED.result_date;

INSERT INTO public.ra_runners AS runner (
    race_id, horse_id, horse_name, number, draw, weight_lbs, jockey_id, jockey_name, trainer_id, trainer_name,
    owner_id, owner_name, sire_id, dam_id, damsire_id, position, outcome, time, prize, starting_price)
SELECT
    doc ->> 'race_id', ran.horse_id, NULLIF(ran.horse, ''), NULLIF(ran.number, '')::integer,
    NULLIF(ran.draw, '')::integer, NULLIF(ran.weight_lbs, '')::integer, NULLIF(ran.jockey_id, ''),
    NULLIF(ran.jockey, ''), NULLIF(ran.trainer_id, ''), NULLIF(ran.trainer, ''), NULLIF(ran.owner_id, ''),
    NULLIF(ran.owner, ''), NULLIF(ran.sire_id, ''), NULLIF(ran.dam_id, ''), NULLIF(ran.damsire_id, ''),
    CASE WHEN ran.position ~ '^[0-9]+$' THEN ran.position::integer END,
    CASE WHEN ran.position !~ '^[0-9]+$' THEN NULLIF(ran.position, '') END, NULLIF(ran.time, ''),
    NULLIF(ran.prize, '')::numeric, NULLIF(ran.sp_dec, '')::numeric
FROM batch, jsonb_to_recordset(doc -> 'runners') AS ran (
    horse_id text, horse text, number text, draw text, weight_lbs text, jockey_id text, jockey text, trainer_id text,
    trainer text, owner_id text, owner text, sire_id text, dam_id text, damsire_id text, position text, time text,
    prize text, sp_dec text)
ORDER BY 1, 2
ON CONFLICT (race_id, horse_id) DO UPDATE SET
    horse_name = COALESCE(runner.horse_name, EXCLUDED.horse_name),
    number = COALESCE(runner.number, EXCLUDED.number),
    draw = COALESCE(runner.draw, EXCLUDED.draw),
    weight_lbs = COALESCE(runner.weight_lbs, EXCLUDED.weight_lbs),
    jockey_id = COALESCE(runner.jockey_id, EXCLUDED.jockey_id),
    jockey_name = COALESCE(runner.jockey_name, EXCLUDED.jockey_name),
    trainer_id = COALESCE(runner.trainer_id, EXCLUDED.trainer_id),
    trainer_name = COALESCE(runner.trainer_name, EXCLUDED.trainer_name),
    owner_id = COALESCE(runner.owner_id, EXCLUDED.owner_id),
    owner_name = COALESCE(runner.owner_name, EXCLUDED.owner_name),
    sire_id = COALESCE(runner.sire_id, EXCLUDED.sire_id),
    dam_id = COALESCE(runner.dam_id, EXCLUDED.dam_id),
    damsire_id = COALESCE(runner.damsire_id, EXCLUDED.damsire_id),
    position = EXCLUDED.position,
    outcome = EXCLUDED.outcome,
    time = EXCLUDED.time,
    prize = EXCLUDED.prize,
    starting_price = EXCLUDED.starting_price;

INSERT INTO public.ra_race_results AS result (
    race_id, horse_id, date, course_id, distance_f, jockey_id, trainer_id, owner_id, position, outcome, time, prize,
    starting_price)
SELECT
    doc ->> 'race_id', ran.horse_id, (doc ->> 'date')::date, doc ->> 'course_id', NULLIF(doc ->> 'dist_f', '')::numeric,
    NULLIF(ran.jockey_id, ''), NULLIF(ran.trainer_id, ''), NULLIF(ran.owner_id, ''),
    CASE WHEN ran.position ~ '^[0-9]+$' THEN ran.position::integer END,
    CASE WHEN ran.position !~ '^[0-9]+$' THEN NULLIF(ran.position, '') END, NULLIF(ran.time, ''),
    NULLIF(ran.prize, '')::numeric, NULLIF(ran.sp_dec, '')::numeric
FROM batch, jsonb_to_recordset(doc -> 'runners') AS ran (
    horse_id text, jockey_id text, trainer_id text, owner_id text, position text, time text, prize text, sp_dec text)
ORDER BY 1, 2
ON CONFLICT (race_id, horse_id) DO UPDATE SET
    date = EXCLUDED.date,
    course_id = EXCLUDED.course_id,
    distance_f = EXCLUDED.distance_f,
    jockey_id = EXCLUDED.jockey_id,
    trainer_id = EXCLUDED.trainer_id,
    owner_id = EXCLUDED.owner_id,
    position = EXCLUDED.position,
    outcome = EXCLUDED.outcome,
    time = EXCLUDED.time,
    prize = EXCLUDED.prize,
    starting_price = EXCLUDED.starting_price;
