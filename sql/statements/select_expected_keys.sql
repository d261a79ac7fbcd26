-- The expected text keys, with their ordinals and whether the table has a row for them.
--
-- Variables:
--   schema, table   identifiers   where the rows are
--   query           fragment      a SELECT that returns the partition columns and one column named like the key
--   partition_values fragment      the partition as text[], of those columns
--   expected        fragment      the key, of the type of the table's column
--   key             fragment      the table's key column
--   registered      fragment      a table expression of the columns ordinal and key
--   kept            fragment      MATERIALIZED if the rows are on other nodes, which Citus does not join with lacuna.key; else
--                                 NOT MATERIALIZED
-- Rows: partition_values text[], ordinal bigint (NULL if the key is not registered), key text, is_present
-- boolean; by key.
--
-- It is run with the user's search path, so that everything but the query is named with its schema.
-- What the statement names itself begins with lacuna_, so that no column of the table is mistaken for it.
WITH lacuna_answer AS :kept (
:query
), lacuna_present AS :kept (
    SELECT DISTINCT :partition_values AS lacuna_partition, (:key)::pg_catalog.text COLLATE pg_catalog."C" AS lacuna_key
    FROM :"schema".:"table"
)
SELECT
    expected.lacuna_partition AS partition_values,
    registered.ordinal,
    expected.lacuna_key AS key,
    present.lacuna_key IS NOT NULL AS is_present
FROM (
    SELECT DISTINCT :partition_values AS lacuna_partition, (:expected)::pg_catalog.text COLLATE pg_catalog."C" AS lacuna_key
    FROM lacuna_answer
    WHERE (:expected) IS NOT NULL
) AS expected
LEFT JOIN :registered AS registered ON registered.key OPERATOR(pg_catalog.=) expected.lacuna_key
LEFT JOIN lacuna_present AS present
    ON present.lacuna_partition OPERATOR(pg_catalog.=) expected.lacuna_partition
    AND present.lacuna_key OPERATOR(pg_catalog.=) expected.lacuna_key
ORDER BY expected.lacuna_key
