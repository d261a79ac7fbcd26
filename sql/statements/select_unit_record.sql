-- What evidence and journal know of one unit of one partition: of the journal the last five batches that held it.
--
-- Variables:
--   stream          text
--   columns, values text[]        the partition
--   unit            bigint
-- Rows: kind text ('verified', 'provisional', 'accepted', 'refetch', 'committed', 'failed' or 'refused'), since text (UTC), seconds_ago
-- bigint, detail text (a reason or an error), run bigint, failures integer, fetched bigint; oldest first.
SELECT
    kind, pg_catalog.to_char(lacuna_moment AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS since,
    pg_catalog.floor(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - lacuna_moment))::bigint AS seconds_ago,
    detail, run, failures, fetched
FROM (
    SELECT 'verified' AS kind, verified_at AS lacuna_moment, '' AS detail, 0::bigint AS run, 0 AS failures, 0::bigint AS fetched
    FROM lacuna.verified_empty
    WHERE stream = :'stream' AND partition = pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[])
        AND lower <= :'unit'::bigint AND upper > :'unit'::bigint
    UNION ALL
    SELECT 'provisional', asked_at, '', 0, 0, 0
    FROM lacuna.provisional
    WHERE stream = :'stream' AND partition = pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[])
        AND lower <= :'unit'::bigint AND upper > :'unit'::bigint
    UNION ALL
    SELECT 'accepted', accepted_at, reason, 0, 0, 0
    FROM lacuna.accepted
    WHERE stream = :'stream' AND partition = pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[])
        AND lower <= :'unit'::bigint AND upper > :'unit'::bigint
    UNION ALL
    SELECT 'refetch', marked_at, reason, 0, 0, 0
    FROM lacuna.refetch
    WHERE stream = :'stream' AND partition = pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[])
        AND lower <= :'unit'::bigint AND upper > :'unit'::bigint
    UNION ALL (
        SELECT state, ended_at, COALESCE(error, ''), run, failures, rows_fetched
        FROM lacuna.batch
        WHERE stream = :'stream' AND partition = pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[])
            AND lower <= :'unit'::bigint AND upper > :'unit'::bigint
        ORDER BY ended_at DESC
        LIMIT 5
    )
) AS known
ORDER BY lacuna_moment
