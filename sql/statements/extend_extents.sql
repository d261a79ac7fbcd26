-- UpdateMin and UpdateMax of a partition, the last writes of a batch.
--
-- Variables:
--   stream          text
--   columns, values text[]        the partition
--   oldest, latest  bigint        the smallest and the largest ordinal that the batch covers
SELECT
    lacuna.extend_oldest(:'stream', pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[]), :'oldest'::bigint),
    lacuna.extend_latest(:'stream', pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[]), :'latest'::bigint)
