-- Writes a batch's figures into its journal row, in its transaction.
--
-- Variables:
--   run, batch      bigint        the token
--   attempts, pages, fetched, inserted, updated, deleted   bigint
--   empty           numeric       units recorded as verified empty
UPDATE lacuna.batch
SET attempts = :'attempts'::integer, pages = :'pages'::bigint, rows_fetched = :'fetched'::bigint,
    rows_inserted = :'inserted'::bigint, rows_updated = :'updated'::bigint,
    rows_deleted = :'deleted'::bigint, empty_units = :'empty'::numeric,
    ended_at = pg_catalog.clock_timestamp()
WHERE run = :'run'::bigint AND batch = :'batch'::bigint
