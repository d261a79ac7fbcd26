-- Deletes the rows of a window that the source no longer has: those that count_withdrawn.sql counts.
--
-- The statement's own operators are resolved before the search path is set, under which the table's triggers run.
--
-- Variables:
--   schema, table   identifiers
--   records         fragment      a table expression with the columns of the primary key
--   primary_key     fragment      its columns
--   unit            fragment      a row's unit, bigint
--   in_window       fragment      whether a row belongs to the window and the partition
--   lower, upper    bigint        the window, half-open
--   units           int8multirange   the units that may lose rows
--   search_path     text          what the table's triggers find their names by; it holds until the transaction ends
-- Rows: one: deleted bigint.
WITH path AS MATERIALIZED (
    SELECT pg_catalog.set_config('search_path', :'search_path', true) AS lacuna_path
), deleted AS (
    DELETE FROM :"schema".:"table"
    USING path, (
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
    WHERE :"table".tableoid OPERATOR(pg_catalog.=) lacuna_table AND :"table".ctid OPERATOR(pg_catalog.=) lacuna_row
        AND lacuna_path IS NOT NULL AND (:in_window)
    RETURNING 1
)
SELECT pg_catalog.count(*) AS deleted
FROM deleted
