-- Registers how a stream's keys map to ordinals; writes nothing if it is known already.
--
-- Variables:
--   stream, relation, key_column, key_type, timezone   text
--   step, anchor                                       bigint
--   columns                                            text[]   the partition columns
INSERT INTO lacuna.stream AS s (name, relation, key_column, key_type, step, anchor, timezone, partition_columns)
VALUES (:'stream', :'relation', :'key_column', :'key_type', :'step'::bigint, :'anchor'::bigint, :'timezone',
    :'columns'::text[])
ON CONFLICT (name) DO UPDATE
SET relation = EXCLUDED.relation, key_column = EXCLUDED.key_column, partition_columns = EXCLUDED.partition_columns
WHERE (s.relation, s.key_column, s.partition_columns)
    IS DISTINCT FROM (EXCLUDED.relation, EXCLUDED.key_column, EXCLUDED.partition_columns)
