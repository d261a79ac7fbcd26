-- Whether changes can be recorded here, and what this role may do with them.
--
-- A name in a schema that a role may not use is an error to resolve, so that is asked first.
--
-- Rows: one: installed boolean, readable boolean, writable boolean.
SELECT
    lacuna.usable IS NOT NULL
        AND (NOT lacuna.usable OR pg_catalog.count(tables.name) = 3) AS installed,
    pg_catalog.count(tables.name) = 3
        AND pg_catalog.bool_and(pg_catalog.has_table_privilege(tables.name, 'SELECT')) AS readable,
    pg_catalog.count(tables.name) = 3 AND NOT pg_catalog.pg_is_in_recovery() AND pg_catalog.bool_and(
        pg_catalog.has_table_privilege(tables.name, 'SELECT') AND pg_catalog.has_table_privilege(tables.name, 'INSERT')
        AND pg_catalog.has_table_privilege(tables.name, 'UPDATE')
        AND pg_catalog.has_table_privilege(tables.name, 'DELETE')) AS writable
FROM (
    SELECT pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace('lacuna'), 'USAGE') AS usable
) AS lacuna
LEFT JOIN LATERAL pg_catalog.unnest(
    CASE WHEN lacuna.usable THEN ARRAY[
        pg_catalog.to_regclass('lacuna.tracking'), pg_catalog.to_regclass('lacuna.summary'),
        pg_catalog.to_regclass('lacuna.change')] END) AS tables (name) ON true
GROUP BY lacuna.usable
