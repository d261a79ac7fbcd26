-- Forgets the extents of a partition.
--
-- Variables:
--   stream          text
--   columns, values text[]        the partition
-- Rows: none if the partition has no extents.
DELETE FROM lacuna.cursor
WHERE stream = :'stream' AND partition = pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[])
RETURNING stream
