-- Whether the lacuna schema is installed, and whether this role may read it.
--
-- A name in a schema that a role may not use is an error to resolve, so that is asked first.
--
-- Rows: one: installed boolean, readable boolean.
SELECT
    CASE WHEN lacuna.usable THEN pg_catalog.to_regclass('lacuna.migration') IS NOT NULL ELSE lacuna.usable IS NOT NULL END
        AS installed,
    COALESCE(
        CASE WHEN lacuna.usable THEN
            pg_catalog.has_table_privilege(pg_catalog.to_regclass('lacuna.cursor'), 'SELECT') END, false) AS readable
FROM (
    SELECT pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace('lacuna'), 'USAGE') AS usable
) AS lacuna
