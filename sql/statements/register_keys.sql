-- Gives an ordinal to every expected text key that has none yet.
--
-- Keys that come in one statement get ordinals in their order, so that neighbours share batches.
--
-- Variables:
--   stream          text
--   query           fragment      a SELECT that returns one column named like the key
--   key             fragment      the key, of the type of the table's column
INSERT INTO lacuna.key (stream, key)
SELECT :'stream', expected.key
FROM (
    SELECT DISTINCT (:key)::text COLLATE pg_catalog."C" AS key
    FROM (
:query
    ) AS answer
    WHERE (:key) IS NOT NULL
) AS expected
WHERE NOT EXISTS (SELECT FROM lacuna.key AS known WHERE known.stream = :'stream' AND known.key = expected.key)
ORDER BY expected.key
ON CONFLICT (stream, key) DO NOTHING
