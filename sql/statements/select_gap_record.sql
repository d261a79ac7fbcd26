-- What evidence and journal know of missing units: marks, windows that failed and were not committed since, windows that were
-- committed, and partitions of which the last reconcile was refused.
--
-- Variables:
--   stream          text
--   columns         text[]        the partition columns
--   partitions      text[]        a text[] each, as text: the values of a partition with missing units
--   numbers         integer[]     the partition of each range of missing units, counted from 1
--   lowers, uppers  bigint[]      the ranges, half-open
-- Rows: kind text ('marked', 'failed', 'committed' or 'refused'), number integer (of the partition, counted from 1), lower
-- bigint, upper bigint, at bigint (seconds since the epoch), detail text (a reason or an error), tries integer, who text; by
-- kind, partition, lower and upper.
WITH wanted AS (
    SELECT p.number, pg_catalog.jsonb_object(:'columns'::text[], p.partition_values::text[]) AS partition, gaps.missing,
        gaps.first, gaps.last
    FROM pg_catalog.unnest(:'partitions'::text[]) WITH ORDINALITY AS p (partition_values, number)
    -- The text of a long multirange takes the server a time that grows with the square of its length.
    JOIN (
        SELECT g.number, pg_catalog.range_agg(pg_catalog.int8range(g.lower, g.upper)) AS missing,
            pg_catalog.min(g.lower) AS first, pg_catalog.max(g.upper) AS last
        FROM ROWS FROM (
            pg_catalog.unnest(:'numbers'::integer[]), pg_catalog.unnest(:'lowers'::bigint[]),
            pg_catalog.unnest(:'uppers'::bigint[])) AS g (number, lower, upper)
        GROUP BY g.number
    ) AS gaps USING (number)
), known AS (
    SELECT
        'marked' AS kind, w.number, r.lower, r.upper, r.marked_at AS moment, r.reason AS detail, 0 AS tries,
        COALESCE(r.marked_by, '') AS who
    FROM lacuna.refetch AS r
    JOIN wanted AS w USING (partition)
    WHERE r.stream = :'stream' AND pg_catalog.int8range(r.lower, r.upper) && w.missing
    UNION ALL
    SELECT b.state, w.number, b.lower, b.upper, b.ended_at, COALESCE(b.error, ''), b.failures, ''
    FROM lacuna.batch AS b
    JOIN wanted AS w USING (partition)
    WHERE b.stream = :'stream' AND b.lower < b.upper AND b.lower < w.last AND b.upper > w.first
        AND pg_catalog.int8range(b.lower, b.upper) && w.missing
        AND (b.state = 'committed' OR b.state = 'failed' AND NOT EXISTS (
            SELECT
            FROM lacuna.batch AS c
            WHERE c.state = 'committed' AND c.stream = b.stream AND c.partition = b.partition
                AND c.lower < b.upper AND c.upper > b.lower AND c.ended_at > b.ended_at))
    UNION ALL
    SELECT 'refused', w.number, b.lower, b.upper, b.ended_at, COALESCE(b.error, ''), 0, ''
    FROM lacuna.batch AS b
    JOIN wanted AS w USING (partition)
    WHERE b.stream = :'stream' AND b.state = 'refused' AND b.run = (
        SELECT pg_catalog.max(r.id)
        FROM lacuna.run AS r
        WHERE r.stream = :'stream' AND r.mode = 'reconcile' AND r.ended_at IS NOT NULL)
)
SELECT DISTINCT ON (k.kind, k.number, k.lower, k.upper)
    k.kind, k.number::integer AS number, k.lower, k.upper, pg_catalog.floor(EXTRACT(epoch FROM k.moment))::bigint AS at,
    k.detail, k.tries, k.who
FROM known AS k
ORDER BY k.kind, k.number, k.lower, k.upper, k.moment DESC
