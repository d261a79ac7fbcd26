-- Records a batch that failed, with the number of runs in a row that its window has failed in; or one that the source refused with
-- all of its partition, so that no window is at fault.
--
-- Variables:
--   run, batch      bigint
--   stream          text
--   columns, values text[]        the partition
--   lower, upper    bigint        the window, half-open
--   state           text          'failed' or 'refused'
--   attempts        bigint
--   error, sqlstate text
--   started         timestamptz
INSERT INTO lacuna.batch (
    run, batch, stream, partition, lower, upper, state, attempts, failures, error, sqlstate, started_at)
SELECT
    :'run'::bigint, :'batch'::bigint, :'stream', pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[]),
    :'lower'::bigint, :'upper'::bigint, :'state', :'attempts'::integer,
    CASE :'state' WHEN 'failed' THEN 1 + COALESCE((
        SELECT pg_catalog.max(f.failures)
        FROM lacuna.batch AS f
        WHERE f.state = 'failed' AND f.stream = :'stream'
            AND f.partition = pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[])
            AND f.lower < :'upper'::bigint AND f.upper > :'lower'::bigint AND f.run <> :'run'::bigint
            AND NOT EXISTS (
                SELECT
                FROM lacuna.batch AS c
                WHERE c.state = 'committed' AND c.stream = f.stream AND c.partition = f.partition
                    AND c.lower < f.upper AND c.upper > f.lower AND c.ended_at > f.ended_at)
    ), 0) ELSE 0 END,
    :'error', :'sqlstate', :'started'::timestamptz
ON CONFLICT (run, batch) DO NOTHING
