-- The migrations that were applied; fails with 3F000 or 42P01 where the schema is not installed.
--
-- Rows: number integer; ascending.
SELECT number
FROM lacuna.migration
ORDER BY number
