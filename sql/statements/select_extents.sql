-- The extents of a stream's partitions.
--
-- Variables:
--   stream          text
--   columns         text[]        the partition columns, for the order of the partition's values
-- Rows: partition_values text[], oldest bigint, latest bigint; by partition.
SELECT p.partition_values, c.oldest, c.latest
FROM lacuna.cursor AS c
CROSS JOIN LATERAL (
    SELECT COALESCE(pg_catalog.array_agg(c.partition ->> k.name ORDER BY k.position), '{}') AS partition_values
    FROM pg_catalog.unnest(:'columns'::text[]) WITH ORDINALITY AS k (name, position)
) AS p
WHERE c.stream = :'stream'
ORDER BY p.partition_values
