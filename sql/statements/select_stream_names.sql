-- The streams that are registered.
--
-- Rows: name text; by name.
SELECT s.name FROM lacuna.stream AS s ORDER BY s.name
