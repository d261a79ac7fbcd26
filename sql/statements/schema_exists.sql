-- Whether the lacuna schema is installed, and whether this role may read it.
--
-- Rows: one: installed boolean, readable boolean.
SELECT
    pg_catalog.to_regclass('lacuna.migration') IS NOT NULL AS installed,
    COALESCE(pg_catalog.has_table_privilege(pg_catalog.to_regclass('lacuna.cursor'), 'SELECT'), false) AS readable
