-- The tables of the racing template: 14 that the feeds fill, 4 that are calculated.
--
-- psql -f tables.sql

-- ----- Who and where. `as_of` is the day of the newest race that gave the name: names change, and history is read
-- ----- backwards, so that the last one read is not the current one.

CREATE TABLE public.ra_mst_regions (region_code text PRIMARY KEY, region text);
CREATE TABLE public.ra_mst_courses (course_id text PRIMARY KEY, course text, region_code text, as_of date);
CREATE TABLE public.ra_mst_bookmakers (bookmaker text PRIMARY KEY);
CREATE TABLE public.ra_mst_jockeys (jockey_id text PRIMARY KEY, jockey_name text, as_of date);
CREATE TABLE public.ra_mst_trainers (trainer_id text PRIMARY KEY, trainer_name text, as_of date);
CREATE TABLE public.ra_mst_owners (owner_id text PRIMARY KEY, owner_name text, as_of date);

-- What follows `as_of` comes from the horse's own page.
CREATE TABLE public.ra_mst_horses (
    horse_id text PRIMARY KEY,
    horse_name text,
    as_of date,
    sex text,
    sex_code text,
    dob date,
    colour text,
    colour_code text,
    region text,
    breeder text
);
CREATE INDEX ON public.ra_mst_horses (lower(horse_name));

-- `horse_id` is the animal's own record where it raced here. The API does not give it: sql/links.sql looks the name up.
CREATE TABLE public.ra_mst_sires (sire_id text PRIMARY KEY, sire_name text, as_of date, horse_id text);
CREATE TABLE public.ra_mst_dams (dam_id text PRIMARY KEY, dam_name text, as_of date, horse_id text);
CREATE TABLE public.ra_mst_damsires (damsire_id text PRIMARY KEY, damsire_name text, as_of date, horse_id text);

CREATE TABLE public.ra_horse_pedigree (
    horse_id text PRIMARY KEY,
    sire_id text,
    sire text,
    dam_id text,
    dam text,
    damsire_id text,
    damsire text
);

-- ----- What happens. Racecards and results both write races and runners, and neither takes away what the other gave.
-- ----- Everything but the keys may be NULL: old results lack what only a racecard tells.

CREATE TABLE public.ra_races (
    race_id text PRIMARY KEY,
    date date NOT NULL,
    course_id text,
    region_code text,
    race_name text,
    off_dt timestamptz,
    distance_f numeric,
    race_class text,
    race_type text,
    going text,
    winning_time text,
    -- The day again, by each feed that told of the race: these are the keys of the two streams.
    racecard_date date,
    result_date date
);
CREATE INDEX ON public.ra_races (racecard_date);
CREATE INDEX ON public.ra_races (result_date);
CREATE INDEX ON public.ra_races (date);

CREATE TABLE public.ra_runners (
    race_id text,
    horse_id text,
    -- Before the race: the racecard's, or the result's where there is none.
    horse_name text,
    number integer,
    draw integer,
    weight_lbs integer,
    jockey_id text,
    jockey_name text,
    trainer_id text,
    trainer_name text,
    owner_id text,
    owner_name text,
    sire_id text,
    dam_id text,
    damsire_id text,
    -- After the race: the result's.
    position integer,
    outcome text,
    time text,
    prize numeric,
    starting_price numeric,
    PRIMARY KEY (race_id, horse_id)
);
CREATE INDEX ON public.ra_runners (horse_id);

-- What the result says, untouched by racecards. Who did not finish has an outcome (F, PU, UR …) instead of a position.
CREATE TABLE public.ra_race_results (
    race_id text,
    horse_id text,
    date date NOT NULL,
    course_id text,
    distance_f numeric,
    jockey_id text,
    trainer_id text,
    owner_id text,
    position integer,
    outcome text,
    time text,
    prize numeric,
    starting_price numeric,
    PRIMARY KEY (race_id, horse_id)
);
CREATE INDEX ON public.ra_race_results (horse_id, date);

-- ----- What is calculated, by sql/statistics.sql, from ra_race_results.

CREATE TABLE public.ra_entity_combinations (
    jockey_id text,
    trainer_id text,
    runs bigint,
    wins bigint,
    places bigint,
    prize numeric,
    first_run date,
    last_run date,
    PRIMARY KEY (jockey_id, trainer_id)
);

-- entity_type is horse, jockey, trainer or owner.
CREATE TABLE public.ra_performance_by_distance (
    entity_type text,
    entity_id text,
    distance_f numeric,
    runs bigint,
    wins bigint,
    places bigint,
    prize numeric,
    PRIMARY KEY (entity_type, entity_id, distance_f)
);

CREATE TABLE public.ra_performance_by_venue (
    entity_type text,
    entity_id text,
    course_id text,
    runs bigint,
    wins bigint,
    places bigint,
    prize numeric,
    PRIMARY KEY (entity_type, entity_id, course_id)
);

-- What a runner and those around it had done on the days before the race.
CREATE TABLE public.ra_runner_statistics (
    race_id text,
    horse_id text,
    runs bigint,
    wins bigint,
    places bigint,
    prize numeric,
    best_position integer,
    days_since_run integer,
    course_runs bigint,
    course_wins bigint,
    course_places bigint,
    distance_runs bigint,
    distance_wins bigint,
    distance_places bigint,
    jockey_runs bigint,
    jockey_wins bigint,
    jockey_places bigint,
    trainer_runs bigint,
    trainer_wins bigint,
    trainer_places bigint,
    pair_runs bigint,
    pair_wins bigint,
    pair_places bigint,
    PRIMARY KEY (race_id, horse_id)
);

-- ----- An upsert that would store what is there already stores nothing: reading a day again writes no row versions.

DO $$
DECLARE
    upserted text;
BEGIN
    FOREACH upserted IN ARRAY ARRAY[
        'ra_races', 'ra_runners', 'ra_race_results', 'ra_mst_horses', 'ra_horse_pedigree', 'ra_entity_combinations',
        'ra_performance_by_distance', 'ra_performance_by_venue', 'ra_runner_statistics'
    ] LOOP
        EXECUTE format(
            'CREATE TRIGGER unchanged BEFORE UPDATE ON public.%I FOR EACH ROW '
            'EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()', upserted);
    END LOOP;
END;
$$;
