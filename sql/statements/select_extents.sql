-- The extents of a stream's partitions.
--
-- Variables:
--   stream          text
--   columns         text[]        the partition columns, for the order of the lane's values
-- Rows: lane text[], oldest bigint, latest bigint; by lane.
SELECT lane.lane, c.oldest, c.latest
FROM lacuna.cursor AS c
CROSS JOIN LATERAL (
    SELECT COALESCE(pg_catalog.array_agg(c.partition ->> k.name ORDER BY k.position), '{}') AS lane
    FROM pg_catalog.unnest(:'columns'::text[]) WITH ORDINALITY AS k (name, position)
) AS lane
WHERE c.stream = :'stream'
ORDER BY lane.lane
