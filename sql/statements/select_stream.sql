-- How a stream's keys map to ordinals and which table it was registered for.
--
-- A schema that an older program made has no number of the table.
--
-- Variables:
--   stream          text
-- Rows: none or one: relation text, relation_oid bigint (NULL if it is not known yet), key_column text, key_type text,
-- step bigint, anchor bigint, timezone text, partition_columns text[].
SELECT s.relation, (pg_catalog.to_jsonb(s) ->> 'relation_oid')::bigint AS relation_oid, s.key_column, s.key_type, s.step,
    s.anchor, s.timezone, s.partition_columns
FROM lacuna.stream AS s
WHERE s.name = :'stream'
