-- Gives an ordinal to every expected text key that has none yet.
--
-- Keys that come in one statement get ordinals in their order, so that neighbours share batches.
--
-- It is run with the user's search path, so that everything but the query is named with its schema.
--
-- Variables:
--   stream          text
--   query           fragment      a SELECT that returns one column named like the key
--   key             fragment      the key, of the type of the table's column
WITH lacuna_answer AS MATERIALIZED (
:query
)
INSERT INTO lacuna.key (stream, key)
SELECT :'stream', expected.key
FROM (
    SELECT DISTINCT (:key)::pg_catalog.text COLLATE pg_catalog."C" AS key
    FROM lacuna_answer
    WHERE (:key) IS NOT NULL
) AS expected
WHERE NOT EXISTS (SELECT FROM lacuna.key AS known WHERE known.stream OPERATOR(pg_catalog.=) :'stream' AND known.key OPERATOR(pg_catalog.=) expected.key)
ORDER BY expected.key
ON CONFLICT (stream, key) DO NOTHING
