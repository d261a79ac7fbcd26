-- Replaces what is settled of some units. Of a unit whose answer was as thin before, and that was due again, the answers are
-- counted: it is asked for after a day, then after a week, then every thirty days (SettledRange).
--
-- Variables:
--   stream          text
--   columns, values text[]        the partition
--   spoken          int8multirange   the units that something new is known of
--   rule            text          what the units fall short of
--   lowers, uppers, shortfalls   bigint[]   of these units those whose answer was as thin: ranges, half-open, and by how much
WITH settled AS (
    SELECT pg_catalog.int8range(s.lower, s.upper) AS units, s.shortfall
    FROM ROWS FROM (
        pg_catalog.unnest(:'lowers'::bigint[]), pg_catalog.unnest(:'uppers'::bigint[]),
        pg_catalog.unnest(:'shortfalls'::bigint[])) AS s (lower, upper, shortfall)
), touched AS (
    DELETE FROM lacuna.settled
    WHERE stream = :'stream' AND partition = pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[])
        AND pg_catalog.int8range(lower, upper) && :'spoken'::int8multirange
    RETURNING pg_catalog.int8range(lower, upper) AS units, rule, shortfall, asked_at, answers
), again AS (
    SELECT
        t.units * s.units AS units, s.shortfall,
        t.answers + CASE
            WHEN t.asked_at + pg_catalog.make_interval(
                days => CASE WHEN t.answers <= 1 THEN 1 WHEN t.answers = 2 THEN 7 ELSE 30 END) <= pg_catalog.now()
            THEN 1 ELSE 0
        END AS answers
    FROM touched AS t
    JOIN settled AS s ON s.shortfall = t.shortfall AND s.units && t.units
    WHERE t.rule = :'rule'
), pieces AS (
    SELECT
        pg_catalog.unnest(pg_catalog.int8multirange(units) - :'spoken'::int8multirange) AS units, rule, shortfall, asked_at,
        answers
    FROM touched
    UNION ALL
    SELECT units, :'rule', shortfall, pg_catalog.now(), answers FROM again
    UNION ALL
    SELECT
        pg_catalog.unnest(
            pg_catalog.int8multirange(units)
            - COALESCE((SELECT pg_catalog.range_agg(a.units) FROM again AS a WHERE a.units <@ s.units), '{}')),
        :'rule', shortfall, pg_catalog.now(), 1
    FROM settled AS s
)
INSERT INTO lacuna.settled (stream, partition, lower, upper, rule, shortfall, asked_at, answers)
SELECT
    :'stream', pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[]), pg_catalog.lower(units),
    pg_catalog.upper(units), rule, shortfall, asked_at, answers
FROM pieces
