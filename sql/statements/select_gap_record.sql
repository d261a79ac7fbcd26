-- What evidence and journal know of missing units: marks, windows that failed and were not committed since, windows that were
-- committed, and partitions of which the last reconcile was refused.
--
-- Variables:
--   stream          text
--   columns         text[]        the partition columns
--   partitions      text[]        a text[] each, as text: the values of a partition with missing units
--   missing         text[]        an int8multirange each, as text: its missing units
-- Rows: kind text ('marked', 'failed', 'committed' or 'refused'), number integer (of the partition, counted from 1), lower
-- bigint, upper bigint, at bigint (seconds since the epoch), detail text (a reason or an error), tries integer, who text; by
-- kind, partition, lower and upper.
WITH wanted AS (
    SELECT
        w.number, pg_catalog.jsonb_object(:'columns'::text[], w.partition_values::text[]) AS partition,
        w.missing::int8multirange AS missing
    FROM ROWS FROM (pg_catalog.unnest(:'partitions'::text[]), pg_catalog.unnest(:'missing'::text[]))
        WITH ORDINALITY AS w (partition_values, missing, number)
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
    WHERE b.stream = :'stream' AND b.lower < b.upper AND pg_catalog.int8range(b.lower, b.upper) && w.missing
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
