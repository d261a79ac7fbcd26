-- Counts the rows of each unit, and sums the units up in words of 64, a bit for each. Returns the words that are not full, that
-- stand beside one that has no row, or in which a unit falls short of the rows that it should have.
--
-- It is run with the user's search path, so that everything but the user's SQL is named with its schema.
-- What the statement names itself begins with lacuna_, so that no column of the table is mistaken for it.
--
-- Variables:
--   schema, table   identifiers   where the rows are
--   partition_list  fragment      the partition columns, each with a comma after it, or nothing if there are none
--   partition_values fragment      the partition as text[], of the columns above
--   in_partition    fragment      whether a row belongs to the partition that is looked at, or true
--   in_range        fragment      lower <= unit < upper in a form that an index serves; NULL keys fall out
--   unit            fragment      the ordinal of a row, bigint
--   condition       fragment      what a row has to satisfy, or true
--   only            fragment      nothing, or AND and the condition of the rows that count
--   no_more         fragment      nothing, or UNION ALL and no rows: that keeps the planner from taking the key's statistics for
--                                 those of the units, if several keys are one unit: it would expect too many to part the work
--   failing         fragment      how many rows of a unit do not satisfy it, or 0; of lacuna_holds
--   shortfall       fragment      how many rows a unit lacks, bigint; of lacuna_rows, lacuna_failing and what wanted gives
--   wanted          fragment      nothing, or a join that gives lacuna_wanted, the number of rows that a unit should have
--   lower, upper    bigint        the range that is looked at, half-open
-- Rows: partition_values text[], word bigint (its units are word * 64 and those that follow), before bigint, after
-- bigint (the words with rows next to it; NULL if there is none), bits bigint (the lowest one is the first unit's), thin_units
-- bigint[], shortfalls bigint[] (of the units that fall short, in the same order; NULL if there are none); in no order.
--
-- psql -v schema=public -v table=readings -v partition_list='' -v partition_values="'{}'::text[]" -v in_partition=true -v unit=n \
--      -v in_range='n >= 1 AND n < 10000000' -v condition=true -v only='' -v no_more='' -v failing=0 \
--      -v shortfall='GREATEST(24 - lacuna_rows, 0)' -v wanted='' -f count_unit_shortfalls.sql
SELECT
    :partition_values AS partition_values,
    lacuna_word AS word,
    lacuna_before AS before,
    lacuna_after AS after,
    lacuna_bits AS bits,
    lacuna_thin_units AS thin_units,
    lacuna_shortfalls AS shortfalls
FROM (
    SELECT
        :partition_list
        lacuna_word,
        pg_catalog.lag(lacuna_word) OVER lacuna_partition AS lacuna_before,
        pg_catalog.lead(lacuna_word) OVER lacuna_partition AS lacuna_after,
        pg_catalog.bit_or(lacuna_bit) AS lacuna_bits,
        pg_catalog.array_agg(lacuna_unit) FILTER (WHERE lacuna_shortfall OPERATOR(pg_catalog.>) 0) AS lacuna_thin_units,
        pg_catalog.array_agg(lacuna_shortfall) FILTER (WHERE lacuna_shortfall OPERATOR(pg_catalog.>) 0) AS lacuna_shortfalls
    FROM (
        SELECT
            :partition_list
            lacuna_unit,
            lacuna_unit OPERATOR(pg_catalog.>>) 6 AS lacuna_word,
            1::bigint OPERATOR(pg_catalog.<<) (lacuna_unit OPERATOR(pg_catalog.&) 63)::integer AS lacuna_bit,
            :shortfall AS lacuna_shortfall
        FROM (
            SELECT
                :partition_list
                lacuna_unit,
                pg_catalog.count(*) AS lacuna_rows,
                :failing AS lacuna_failing
            FROM (
                SELECT
                    :partition_list
                    :unit AS lacuna_unit,
                    (
:condition
                    ) AS lacuna_holds
                FROM :"schema".:"table"
                WHERE :in_partition AND :in_range :only
                :no_more
            ) AS lacuna_row
            GROUP BY :partition_list lacuna_unit
        ) AS lacuna_counted
        :wanted
    ) AS lacuna_judged
    GROUP BY :partition_list lacuna_word
    WINDOW lacuna_partition AS (PARTITION BY :partition_list true ORDER BY lacuna_word)
) AS lacuna_words
WHERE lacuna_bits OPERATOR(pg_catalog.<>) -1::bigint
    OR lacuna_thin_units IS NOT NULL
    OR lacuna_before IS DISTINCT FROM (lacuna_word OPERATOR(pg_catalog.-) 1)
    OR lacuna_after IS NULL
