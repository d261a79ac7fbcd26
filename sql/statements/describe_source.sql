-- The columns of a source's own query, without its rows.
--
-- Variables:
--   query           a user's query
-- Rows: none.
SELECT *
FROM (
:query
) AS lacuna_query
LIMIT 0
