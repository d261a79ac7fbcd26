-- A record of a batch whose key lies outside the window, or that belongs to another partition.
--
-- Variables:
--   records         fragment      a table expression
--   key             fragment      the key column
--   in_window       fragment      whether a record belongs to the window and the partition
--   lower, upper    bigint        the window, half-open
-- Rows: none or one: key text (NULL if the record has none).
SELECT (:key)::text AS key
FROM :records
WHERE (:in_window) IS NOT TRUE
LIMIT 1
