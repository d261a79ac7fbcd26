-- Inserts a batch's commit token as the first write of its transaction.
--
-- It waits for a transaction that inserted the same token and is still open, and writes nothing if that one won.
--
-- Variables:
--   run, batch      bigint        the token
--   stream          text
--   columns, values text[]        the partition
--   lower, upper    bigint        the window, half-open
--   started         timestamptz   when the fetch began
-- Rows: one if the token was inserted now, none if the batch was committed before.
INSERT INTO lacuna.batch (run, batch, stream, partition, lower, upper, state, started_at)
VALUES (:'run'::bigint, :'batch'::bigint, :'stream',
    pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[]), :'lower'::bigint, :'upper'::bigint, 'committed',
    :'started'::timestamptz)
ON CONFLICT (run, batch) DO NOTHING
RETURNING run
