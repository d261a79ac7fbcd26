-- How many rows a table has room for: cheap to ask, where what `describe_scan.sql` tells would take longer than a scan.
--
-- Variables:
--   schema, name    text          the table
-- Rows: one: most_rows bigint, NULL if the rows are not the table's own: of a view, a parent of others, a foreign table.
SELECT (
    SELECT pg_catalog.pg_relation_size(c.oid) / 28
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = :'schema' AND c.relname = :'name' AND c.relkind IN ('r', 'm') AND NOT c.relhassubclass
) AS most_rows
