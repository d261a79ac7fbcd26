-- A write that changes nothing, as the first look of a transaction at a distributed table.
--
-- Citus prepares a transaction on a node only if it has seen it write there. COPY over a connection that has read the same shard
-- before is not seen. So the shards are written to before they are read.
--
-- Variables:
--   schema, table   identifiers
--   column          fragment      a column that can be written
--   in_partition    fragment      which rows may be written: it says which shards are concerned
UPDATE :"schema".:"table"
SET :column = :column
WHERE (:in_partition) AND pg_catalog.now() IS NULL
