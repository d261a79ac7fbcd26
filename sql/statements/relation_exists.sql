-- Whether there is a table of a name.
--
-- Variables:
--   relation        text          schema and name with a dot between them, as in lacuna.stream
-- Rows: one: found boolean.
SELECT EXISTS (
    SELECT
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname || '.' || c.relname = :'relation' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
) AS found
