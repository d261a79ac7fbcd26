-- Drops missing units that are there by now, or that others take the place of.
--
-- Variables:
--   stream          text
--   columns         text[]        the partition columns
--   partitions      text[]        the partition of each range: a text[] of its values, as text
--   lowers          bigint[]      where each range begins
DELETE FROM lacuna.gap AS g
USING ROWS FROM (pg_catalog.unnest(:'partitions'::text[]), pg_catalog.unnest(:'lowers'::bigint[]))
    AS gone (partition_values, lower)
WHERE g.stream = :'stream' AND g.lower = gone.lower
    AND g.partition = pg_catalog.jsonb_object(:'columns'::text[], gone.partition_values::text[])
