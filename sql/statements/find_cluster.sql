-- Whether the database belongs to a Citus cluster.
--
-- Rows: one: found boolean.
SELECT pg_catalog.to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL AS found
