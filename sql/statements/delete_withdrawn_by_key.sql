-- Deletes the rows of a window that the source no longer has, as delete_withdrawn.sql does, for tables whose rows are on other nodes:
-- rows are found by their primary keys and not by where they lie.
--
-- It is run with the user's search path, under which the table's triggers and the operators of its keys find their names.
--
-- Variables:
--   schema, table   identifiers
--   records         fragment      a table expression with the columns of the primary key
--   primary_key     fragment      its columns
--   names           fragment      other names for these columns
--   same_row        fragment      whether a row of lacuna_target has a primary key under those names
--   unit            fragment      a row's unit, bigint
--   in_window       fragment      whether a row belongs to the window and the partition
--   lower, upper    bigint        the window, half-open
--   units           int8multirange   the units that may lose rows
-- Rows: one: deleted bigint.
WITH lacuna_withdrawn (:names) AS MATERIALIZED (
    SELECT :primary_key
    FROM (
        SELECT
            :primary_key,
            NOT pg_catalog.bool_or(lacuna_is_record) OVER (PARTITION BY :primary_key)
                AND lacuna_unit OPERATOR(pg_catalog.<@) :'units'::int8multirange AS lacuna_is_withdrawn
        FROM (
            SELECT :primary_key, :unit AS lacuna_unit, false AS lacuna_is_record
            FROM :"schema".:"table"
            WHERE :in_window
            UNION ALL
            SELECT :primary_key, NULL::bigint AS lacuna_unit, true AS lacuna_is_record
            FROM :records
        ) AS lacuna_known
    ) AS lacuna_held
    WHERE lacuna_is_withdrawn
), lacuna_deleted AS (
    DELETE FROM :"schema".:"table" AS lacuna_target
    USING lacuna_withdrawn
    WHERE (:same_row) AND (:in_window)
    RETURNING 1 AS one
)
SELECT pg_catalog.count(*) AS deleted
FROM lacuna_deleted
