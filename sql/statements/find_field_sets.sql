-- The combinations of fields that the records of a batch have, where not all have the same.
--
-- Variables:
--   presence        fragment      which of the uneven fields a record has, as text[]
-- Rows: present text[]; ordered.
SELECT DISTINCT :presence AS present
FROM pg_temp.batch
ORDER BY 1
LIMIT 1025
