-- Deletes the rows of a window that the source no longer has: those that count_withdrawn.sql counts.
--
-- It is run with the user's search path, under which the table's triggers find their names.
--
-- Variables:
--   schema, table   identifiers
--   records         fragment      a table expression with the columns of the primary key
--   primary_key     fragment      its columns
--   unit            fragment      a row's unit, bigint
--   in_window       fragment      whether a row belongs to the window and the partition
--   lower, upper    bigint        the window, half-open
--   units           int8multirange   the units that may lose rows
-- Rows: one: deleted bigint.
WITH lacuna_deleted AS (
    DELETE FROM :"schema".:"table" AS lacuna_target
    USING (
        SELECT lacuna_table, lacuna_row
        FROM (
            SELECT
                lacuna_table, lacuna_row,
                NOT pg_catalog.bool_or(lacuna_row IS NULL) OVER (PARTITION BY :primary_key)
                    AND lacuna_unit OPERATOR(pg_catalog.<@) :'units'::int8multirange AS lacuna_is_withdrawn
            FROM (
                SELECT :primary_key, tableoid AS lacuna_table, ctid AS lacuna_row, :unit AS lacuna_unit
                FROM :"schema".:"table"
                WHERE :in_window
                UNION ALL
                SELECT :primary_key, NULL::oid AS lacuna_table, NULL::tid AS lacuna_row, NULL::bigint AS lacuna_unit
                FROM :records
            ) AS lacuna_known
        ) AS lacuna_held
        WHERE lacuna_is_withdrawn
    ) AS lacuna_withdrawn
    WHERE lacuna_target.tableoid OPERATOR(pg_catalog.=) lacuna_table
        AND lacuna_target.ctid OPERATOR(pg_catalog.=) lacuna_row AND (:in_window)
    RETURNING 1
)
SELECT pg_catalog.count(*) AS deleted
FROM lacuna_deleted
