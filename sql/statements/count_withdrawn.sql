-- Counts the rows of a window, and those of them that the source no longer has.
--
-- Primary keys are held against each other by the equality of their types' own indexes, whatever the search path.
--
-- Variables:
--   schema, table   identifiers
--   records         fragment      a table expression with the columns of the primary key
--   primary_key     fragment      its columns
--   unit            fragment      a row's unit, bigint
--   in_window       fragment      whether a row belongs to the window and the partition
--   lower, upper    bigint        the window, half-open
--   units           int8multirange   the units that may lose rows
--   unguarded       int8multirange   those of them that may lose any number
-- Rows: one: rows bigint, withdrawn bigint (rows of `units` without a record), guarded bigint (those outside of `unguarded`).
SELECT
    pg_catalog.count(*) FILTER (WHERE NOT lacuna_is_record) AS rows,
    pg_catalog.count(*) FILTER (WHERE lacuna_is_withdrawn) AS withdrawn,
    pg_catalog.count(*) FILTER (
        WHERE lacuna_is_withdrawn AND NOT lacuna_unit OPERATOR(pg_catalog.<@) :'unguarded'::int8multirange
    ) AS guarded
FROM (
    SELECT
        lacuna_is_record, lacuna_unit,
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
