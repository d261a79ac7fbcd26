-- Takes, until the transaction ends, the lock under which a partition's verified and refetch ranges are rewritten:
-- two batches that split one range at once would each miss what the other left of it.
--
-- Variables:
--   stream          text
--   columns, values text[]        the partition
SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(
    pg_catalog.jsonb_build_array('lacuna.evidence', :'stream'::text, :'values'::text[])::text, 0))
