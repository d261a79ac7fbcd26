-- Finds the missing ranges of units, both edges included, of every partition that has rows in the range asked for.
--
-- Every partition with a row has one range that ends at the upper edge, empty (lower = upper) where nothing is missing
-- there. A partition without a row does not appear; where none has one, a row whose partition_values is NULL says that
-- all is missing.
--
-- A row whose unit is the upper edge itself lies outside the range, but may be let in by in_range: no half-open range of
-- bigint holds 2^63-1. It is answered with a range whose lower is NULL.
--
-- Variables:
--   schema, table   identifiers   where the rows are
--   partition_columns fragment      the partition columns, or true if there are none
--   partition_values fragment      the partition as text[], of the columns above
--   key             fragment      what is equal and ordered as the units are: the key column, in whose order an index has the
--                                 rows, or the ordinal itself where several keys are one unit
--   unit            fragment      the ordinal, bigint, of lacuna_key
--   in_range        fragment      lower <= unit < upper in a form that an index serves; NULL keys fall out
--   distinct        fragment      DISTINCT, or nothing if units are known to be unique
--   any_row         fragment      true if a row is in the range, NULL if none is
--   gate            fragment      nothing, or AND and the same again: then a range without rows costs no more than that
--   lower, upper    bigint        the range asked for, half-open
-- Rows: partition_values text[], lower bigint, upper bigint; in no order.
--
-- psql -v schema=public -v table=ledgers -v distinct=DISTINCT -v gate= -v key=sequence \
--      -v any_row='(SELECT true FROM ledgers WHERE sequence >= 1 AND sequence < 1000 LIMIT 1)' \
--      -v partition_columns=true -v partition_values="'{}'::text[]" \
--      -v unit=lacuna_key -v in_range='sequence >= 1 AND sequence < 1000' -v lower=1 -v upper=1000 -f find_gaps.sql
--
-- What the statement names itself begins with lacuna_, so that no partition column is mistaken for it.
SELECT :partition_values AS partition_values, gap.lacuna_lower AS lower, gap.lacuna_upper AS upper
FROM (
    SELECT
        :partition_columns,
        :unit AS lacuna_unit,
        LAG(:unit) OVER lacuna_partition AS lacuna_previous,
        LEAD(:unit) OVER lacuna_partition AS lacuna_next
    FROM (
        SELECT :distinct :partition_columns, :key AS lacuna_key
        FROM :"schema".:"table"
        WHERE :in_range :gate
    ) AS present
    WINDOW lacuna_partition AS (PARTITION BY :partition_columns ORDER BY lacuna_key)
) AS present
CROSS JOIN LATERAL (
    VALUES
        (CASE WHEN lacuna_unit < :'upper'::bigint THEN lacuna_unit + 1 END, COALESCE(lacuna_next, :'upper'::bigint)),
        (CASE WHEN lacuna_previous IS NULL THEN :'lower'::bigint END, lacuna_unit)
) AS gap (lacuna_lower, lacuna_upper)
WHERE (lacuna_previous IS NULL OR lacuna_next IS NULL OR lacuna_next - 1 <> lacuna_unit)
    AND (gap.lacuna_lower < gap.lacuna_upper OR gap.lacuna_upper = :'upper'::bigint)
UNION ALL
SELECT NULL, :'lower'::bigint, :'upper'::bigint
WHERE :any_row IS NULL
