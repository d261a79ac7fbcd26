-- Sets the extents of a partition, backwards too.
--
-- Variables:
--   stream          text
--   columns, values text[]        the partition
--   oldest, latest  bigint        the new extents
-- Rows: none if the partition has no extents.
UPDATE lacuna.cursor
SET oldest = :'oldest'::bigint, latest = :'latest'::bigint, updated_at = pg_catalog.now()
WHERE stream = :'stream' AND partition = pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[])
RETURNING stream
