-- How a stream's keys map to ordinals, as it was registered.
--
-- Variables:
--   stream          text
-- Rows: none or one: relation, key_column, key_type, step, anchor, timezone, partition_columns.
SELECT relation, key_column, key_type, step, anchor, timezone, partition_columns
FROM lacuna.stream
WHERE name = :'stream'
