-- UpdateMin and UpdateMax of a partition, the last writes of a batch.
--
-- Variables:
--   stream          text
--   columns, values text[]        the partition
--   oldest, latest  bigint        the smallest and the largest ordinal that the batch covers
-- Rows: none.
INSERT INTO lacuna.cursor AS c (stream, partition, oldest, latest)
VALUES (:'stream', pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[]), :'oldest'::bigint, :'latest'::bigint)
ON CONFLICT ON CONSTRAINT cursor_pkey DO UPDATE
SET oldest = LEAST(c.oldest, EXCLUDED.oldest), latest = GREATEST(c.latest, EXCLUDED.latest), updated_at = pg_catalog.now()
WHERE EXCLUDED.oldest < c.oldest OR EXCLUDED.latest > c.latest
