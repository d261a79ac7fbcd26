-- Holds the rows of a window against the records, and sums up by unit what differs.
--
-- Rows are the same row if they have one unit and one primary key. It is run with the user's search path, under which the
-- operators of the primary key's types are found.
--
-- Variables:
--   schema, table   identifiers
--   records         fragment      a table expression with the columns that are compared
--   columns         fragment      those columns
--   fields          fragment      which of the fields a record has, text[]
--   unit            fragment      a row's unit, bigint
--   in_window       fragment      whether a row belongs to the window and the partition
--   same_row        fragment      whether `here` and `there` have one primary key
--   differs         fragment      whether they differ, column by column, as bit string
--   lower, upper    bigint        the window, half-open
--   units           int8multirange   the units that count
-- Rows: unit bigint, missing_here, missing_there, different bigint (rows), columns text (a bit each); by unit.
SELECT
    lacuna_unit AS unit,
    pg_catalog.count(*) FILTER (WHERE lacuna_lacks_here) AS missing_here,
    pg_catalog.count(*) FILTER (WHERE lacuna_lacks_there) AS missing_there,
    pg_catalog.count(*) FILTER (WHERE NOT lacuna_lacks_here AND NOT lacuna_lacks_there) AS different,
    pg_catalog.bit_or(lacuna_differs) FILTER (WHERE NOT lacuna_lacks_here AND NOT lacuna_lacks_there)::text AS columns
FROM (
    SELECT
        COALESCE(here.lacuna_unit, there.lacuna_unit) AS lacuna_unit, here.lacuna_is_there IS NULL AS lacuna_lacks_here,
        there.lacuna_is_there IS NULL AS lacuna_lacks_there, :differs AS lacuna_differs
    FROM (
        SELECT :columns, :unit AS lacuna_unit, true AS lacuna_is_there
        FROM :"schema".:"table"
        WHERE :in_window
    ) AS here
    FULL JOIN (
        SELECT :columns, :fields AS lacuna_fields, :unit AS lacuna_unit, true AS lacuna_is_there
        FROM :records
    ) AS there ON here.lacuna_unit OPERATOR(pg_catalog.=) there.lacuna_unit AND :same_row
) AS lacuna_pairs
WHERE lacuna_unit OPERATOR(pg_catalog.<@) :'units'::int8multirange
    AND (lacuna_lacks_here OR lacuna_lacks_there OR pg_catalog.bit_count(lacuna_differs) OPERATOR(pg_catalog.>) 0)
GROUP BY lacuna_unit
ORDER BY lacuna_unit
