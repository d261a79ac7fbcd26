-- The windows of `books` that are not done, newest first: (window_start, window_end, days_missing, last_error).
--
-- Done is as in percent_done.sql; only last_error comes from the journal.

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
        pg_catalog.min(d.ordinal) AS lower,
        pg_catalog.max(d.ordinal) + 1 AS upper,
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
    date '1970-01-01' + w.lower AS window_start,
    date '1970-01-01' + w.upper - 1 AS window_end,
    w.days_missing,
    failure.error AS last_error
FROM windows AS w
LEFT JOIN LATERAL (
    SELECT b.error
    FROM lacuna.batch AS b
    WHERE b.stream = 'books' AND b.state = 'failed' AND b.lower < w.upper AND b.upper > w.lower
    ORDER BY b.ended_at DESC
    LIMIT 1
) AS failure ON true
WHERE w.days_missing > 0
ORDER BY window_start DESC;
