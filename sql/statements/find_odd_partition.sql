-- A declared partition value that its column's type writes in another way.
--
-- Variables:
--   type            fragment      the type of the partition column
--   values          text[]        the declared values
-- Rows: none or one: given text, written text.
SELECT given, CAST(CAST(given AS :type) AS text) AS written
FROM pg_catalog.unnest(:'values'::text[]) AS given
WHERE CAST(CAST(given AS :type) AS text) <> given COLLATE "C"
LIMIT 1
