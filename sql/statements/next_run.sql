-- A number for a run, beyond every number in the journal. The run's row is written later: with its first batch, or at its end.
--
-- Rows: one: id bigint.
SELECT CASE
        WHEN drawn.id > used.id THEN drawn.id
        ELSE pg_catalog.setval(pg_catalog.pg_get_serial_sequence('lacuna.run', 'id'), used.id + 1)
    END AS id
FROM (SELECT pg_catalog.nextval(pg_catalog.pg_get_serial_sequence('lacuna.run', 'id')) AS id) AS drawn
CROSS JOIN (
    SELECT GREATEST(
        (SELECT COALESCE(pg_catalog.max(id), 0) FROM lacuna.run),
        (SELECT COALESCE(pg_catalog.max(run), 0) FROM lacuna.batch)) AS id
) AS used
