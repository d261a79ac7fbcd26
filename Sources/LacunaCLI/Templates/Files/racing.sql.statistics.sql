-- The four calculated tables, from ra_race_results alone. Rows whose runs are gone (a corrected result) go with them.
--
-- A place is a finish among the first three. Over millions of results this takes minutes: move it from `after` to a
-- nightly job of its own if every run changes something.

-- Of two runs that calculate at once one waits for the other.
LOCK TABLE public.ra_entity_combinations IN SHARE ROW EXCLUSIVE MODE;

WITH fresh AS (
    SELECT
        jockey_id, trainer_id, count(*) AS runs, count(*) FILTER (WHERE position = 1) AS wins,
        count(*) FILTER (WHERE position <= 3) AS places, COALESCE(sum(prize), 0) AS prize, min(date) AS first_run,
        max(date) AS last_run
    FROM public.ra_race_results
    WHERE jockey_id IS NOT NULL AND trainer_id IS NOT NULL
    GROUP BY jockey_id, trainer_id
), gone AS (
    DELETE FROM public.ra_entity_combinations AS old
    WHERE NOT EXISTS (SELECT FROM fresh WHERE (jockey_id, trainer_id) = (old.jockey_id, old.trainer_id))
)
INSERT INTO public.ra_entity_combinations (
    jockey_id, trainer_id, runs, wins, places, prize, first_run, last_run)
SELECT jockey_id, trainer_id, runs, wins, places, prize, first_run, last_run FROM fresh
ON CONFLICT (jockey_id, trainer_id) DO UPDATE SET
    runs = EXCLUDED.runs, wins = EXCLUDED.wins, places = EXCLUDED.places, prize = EXCLUDED.prize,
    first_run = EXCLUDED.first_run, last_run = EXCLUDED.last_run;

WITH fresh AS (
    SELECT
        entity_type, entity_id, distance_f, count(*) AS runs, count(*) FILTER (WHERE position = 1) AS wins,
        count(*) FILTER (WHERE position <= 3) AS places, COALESCE(sum(prize), 0) AS prize
    FROM public.ra_race_results
    CROSS JOIN LATERAL (
        VALUES ('horse', horse_id), ('jockey', jockey_id), ('trainer', trainer_id), ('owner', owner_id)
    ) AS entity (entity_type, entity_id)
    WHERE entity_id IS NOT NULL AND distance_f IS NOT NULL
    GROUP BY entity_type, entity_id, distance_f
), gone AS (
    DELETE FROM public.ra_performance_by_distance AS old
    WHERE NOT EXISTS (
        SELECT FROM fresh
        WHERE (entity_type, entity_id, distance_f) = (old.entity_type, old.entity_id, old.distance_f))
)
INSERT INTO public.ra_performance_by_distance (entity_type, entity_id, distance_f, runs, wins, places, prize)
SELECT entity_type, entity_id, distance_f, runs, wins, places, prize FROM fresh
ON CONFLICT (entity_type, entity_id, distance_f) DO UPDATE SET
    runs = EXCLUDED.runs, wins = EXCLUDED.wins, places = EXCLUDED.places, prize = EXCLUDED.prize;

WITH fresh AS (
    SELECT
        entity_type, entity_id, course_id, count(*) AS runs, count(*) FILTER (WHERE position = 1) AS wins,
        count(*) FILTER (WHERE position <= 3) AS places, COALESCE(sum(prize), 0) AS prize
    FROM public.ra_race_results
    CROSS JOIN LATERAL (
        VALUES ('horse', horse_id), ('jockey', jockey_id), ('trainer', trainer_id), ('owner', owner_id)
    ) AS entity (entity_type, entity_id)
    WHERE entity_id IS NOT NULL AND course_id IS NOT NULL
    GROUP BY entity_type, entity_id, course_id
), gone AS (
    DELETE FROM public.ra_performance_by_venue AS old
    WHERE NOT EXISTS (
        SELECT FROM fresh
        WHERE (entity_type, entity_id, course_id) = (old.entity_type, old.entity_id, old.course_id))
)
INSERT INTO public.ra_performance_by_venue (entity_type, entity_id, course_id, runs, wins, places, prize)
SELECT entity_type, entity_id, course_id, runs, wins, places, prize FROM fresh
ON CONFLICT (entity_type, entity_id, course_id) DO UPDATE SET
    runs = EXCLUDED.runs, wins = EXCLUDED.wins, places = EXCLUDED.places, prize = EXCLUDED.prize;

-- Only the days before a race count, so that nothing of the race itself leaks into what describes its runners.
WITH fresh AS (
    SELECT
        race_id,
        horse_id,
        count(*) OVER horse AS runs,
        count(*) FILTER (WHERE position = 1) OVER horse AS wins,
        count(*) FILTER (WHERE position <= 3) OVER horse AS places,
        COALESCE(sum(prize) OVER horse, 0) AS prize,
        min(position) OVER horse AS best_position,
        date - max(date) OVER horse AS days_since_run,
        count(*) OVER course AS course_runs,
        count(*) FILTER (WHERE position = 1) OVER course AS course_wins,
        count(*) FILTER (WHERE position <= 3) OVER course AS course_places,
        count(*) OVER distance AS distance_runs,
        count(*) FILTER (WHERE position = 1) OVER distance AS distance_wins,
        count(*) FILTER (WHERE position <= 3) OVER distance AS distance_places,
        -- Runners without a jockey or a trainer are no runs of one and the same nobody.
        count(jockey_id) OVER jockey AS jockey_runs,
        count(jockey_id) FILTER (WHERE position = 1) OVER jockey AS jockey_wins,
        count(jockey_id) FILTER (WHERE position <= 3) OVER jockey AS jockey_places,
        count(trainer_id) OVER trainer AS trainer_runs,
        count(trainer_id) FILTER (WHERE position = 1) OVER trainer AS trainer_wins,
        count(trainer_id) FILTER (WHERE position <= 3) OVER trainer AS trainer_places,
        count(jockey_id || trainer_id) OVER pair AS pair_runs,
        count(jockey_id || trainer_id) FILTER (WHERE position = 1) OVER pair AS pair_wins,
        count(jockey_id || trainer_id) FILTER (WHERE position <= 3) OVER pair AS pair_places
    FROM public.ra_race_results
    WINDOW
        horse AS (
            PARTITION BY horse_id ORDER BY date RANGE BETWEEN UNBOUNDED PRECEDING AND '1 day' PRECEDING),
        course AS (
            PARTITION BY horse_id, course_id ORDER BY date RANGE BETWEEN UNBOUNDED PRECEDING AND '1 day' PRECEDING),
        distance AS (
            PARTITION BY horse_id, distance_f ORDER BY date RANGE BETWEEN UNBOUNDED PRECEDING AND '1 day' PRECEDING),
        jockey AS (
            PARTITION BY jockey_id ORDER BY date RANGE BETWEEN UNBOUNDED PRECEDING AND '1 day' PRECEDING),
        trainer AS (
            PARTITION BY trainer_id ORDER BY date RANGE BETWEEN UNBOUNDED PRECEDING AND '1 day' PRECEDING),
        pair AS (
            PARTITION BY jockey_id, trainer_id ORDER BY date
            RANGE BETWEEN UNBOUNDED PRECEDING AND '1 day' PRECEDING)
), gone AS (
    DELETE FROM public.ra_runner_statistics AS old
    WHERE NOT EXISTS (SELECT FROM fresh WHERE (race_id, horse_id) = (old.race_id, old.horse_id))
)
INSERT INTO public.ra_runner_statistics (
    race_id, horse_id, runs, wins, places, prize, best_position, days_since_run, course_runs, course_wins,
    course_places, distance_runs, distance_wins, distance_places, jockey_runs, jockey_wins, jockey_places,
    trainer_runs, trainer_wins, trainer_places, pair_runs, pair_wins, pair_places)
SELECT
    race_id, horse_id, runs, wins, places, prize, best_position, days_since_run, course_runs, course_wins,
    course_places, distance_runs, distance_wins, distance_places, jockey_runs, jockey_wins, jockey_places,
    trainer_runs, trainer_wins, trainer_places, pair_runs, pair_wins, pair_places
FROM fresh
ON CONFLICT (race_id, horse_id) DO UPDATE SET
    runs = EXCLUDED.runs, wins = EXCLUDED.wins, places = EXCLUDED.places, prize = EXCLUDED.prize,
    best_position = EXCLUDED.best_position, days_since_run = EXCLUDED.days_since_run,
    course_runs = EXCLUDED.course_runs, course_wins = EXCLUDED.course_wins, course_places = EXCLUDED.course_places,
    distance_runs = EXCLUDED.distance_runs, distance_wins = EXCLUDED.distance_wins,
    distance_places = EXCLUDED.distance_places, jockey_runs = EXCLUDED.jockey_runs,
    jockey_wins = EXCLUDED.jockey_wins, jockey_places = EXCLUDED.jockey_places,
    trainer_runs = EXCLUDED.trainer_runs, trainer_wins = EXCLUDED.trainer_wins,
    trainer_places = EXCLUDED.trainer_places, pair_runs = EXCLUDED.pair_runs, pair_wins = EXCLUDED.pair_wins,
    pair_places = EXCLUDED.pair_places;
