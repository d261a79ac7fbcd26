-- How much of the history of `books` is there: one row (windows, done, percent_done, days_missing).
--
-- It asks the data and the evidence, not the journal: a window is done when each of its days has a book, or is verified empty,
-- and none is marked for another fetch.

WITH history AS (
    -- expect.from, expect.delay and batch of lacuna.yaml.
    SELECT
        date '2000-01-01' AS first_day,
        (pg_catalog.now() AT TIME ZONE 'UTC')::date - 2 AS last_day,
        30 AS window_days
),
days AS (
    SELECT
        day.ordinal,
        pg_catalog.floor(day.ordinal::numeric / h.window_days) AS window_number
    FROM history AS h
    CROSS JOIN LATERAL pg_catalog.generate_series(
        h.first_day - date '1970-01-01', h.last_day - date '1970-01-01') AS day (ordinal)
),
windows AS (
    SELECT
        d.window_number,
        pg_catalog.count(*) FILTER (
            WHERE EXISTS (
                SELECT FROM lacuna.refetch AS r
                WHERE r.stream = 'books' AND d.ordinal >= r.lower AND d.ordinal < r.upper)
            OR NOT EXISTS (SELECT FROM public.books AS b WHERE b.published_on = date '1970-01-01' + d.ordinal)
            AND NOT EXISTS (
                SELECT FROM lacuna.verified_empty AS v
                WHERE v.stream = 'books' AND d.ordinal >= v.lower AND d.ordinal < v.upper)
        ) AS days_missing
    FROM days AS d
    GROUP BY d.window_number
)
SELECT
    pg_catalog.count(*) AS windows,
    pg_catalog.count(*) FILTER (WHERE days_missing = 0) AS done,
    pg_catalog.round(
        100.0 * pg_catalog.count(*) FILTER (WHERE days_missing = 0) / NULLIF(pg_catalog.count(*), 0), 1) AS percent_done,
    COALESCE(pg_catalog.sum(days_missing), 0) AS days_missing
FROM windows;
