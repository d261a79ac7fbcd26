-- Registers how a stream's keys map to ordinals; writes nothing where it is known already.
--
-- Variables:
--   stream, relation, key_column, key_type, timezone   text
--   step, anchor                                       bigint
INSERT INTO lacuna.stream AS s (name, relation, key_column, key_type, step, anchor, timezone)
VALUES (:'stream', :'relation', :'key_column', :'key_type', :'step'::bigint, :'anchor'::bigint, :'timezone')
ON CONFLICT (name) DO UPDATE
SET relation = EXCLUDED.relation, key_column = EXCLUDED.key_column
WHERE (s.relation, s.key_column) IS DISTINCT FROM (EXCLUDED.relation, EXCLUDED.key_column)
