-- Registers how a stream's keys map to ordinals and which table it is for; writes nothing if it is known already.
--
-- Variables:
--   stream, relation, key_column, key_type, timezone   text
--   relation_oid                                       oid
--   step, anchor                                       bigint
--   columns                                            text[]   the partition columns
INSERT INTO lacuna.stream AS s (
    name, relation, relation_oid, key_column, key_type, step, anchor, timezone, partition_columns)
VALUES (:'stream', :'relation', :'relation_oid'::oid, :'key_column', :'key_type', :'step'::bigint, :'anchor'::bigint,
    :'timezone', :'columns'::text[])
ON CONFLICT (name) DO UPDATE
SET relation = EXCLUDED.relation, relation_oid = EXCLUDED.relation_oid
WHERE (s.relation, s.relation_oid) IS DISTINCT FROM (EXCLUDED.relation, EXCLUDED.relation_oid)
    -- Of two that register it in different ways at once, the second one changes nothing.
    AND (s.key_column, s.key_type, s.step, s.anchor, s.timezone, s.partition_columns)
        = (EXCLUDED.key_column, EXCLUDED.key_type, EXCLUDED.step, EXCLUDED.anchor, EXCLUDED.timezone,
            EXCLUDED.partition_columns)
