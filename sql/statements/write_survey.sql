-- Keeps when a stream was surveyed and what was found of its partitions. A partition of which the same is kept already stays as
-- it is if the survey was one of the whole stream.
--
-- Variables:
--   stream          text
--   as_of           timestamptz   of the survey
--   whole           boolean       whether it was one of all partitions: what is kept of others goes
--   columns         text[]        the partition columns
--   partitions      text[]        a text[] each, as text: the values of a partition
--   through         text[]        up to which unit each is complete, empty if there is none
--   ordinals        bigint[]      the same, or NULL
--   missing, unlisted   numeric[] missing units, and those that are not listed
--   gaps            bigint[]
WITH found AS (
    SELECT
        pg_catalog.jsonb_object(:'columns'::text[], f.partition_values::text[]) AS partition, NULLIF(f.through, '') AS through,
        f.ordinal, f.missing, f.unlisted, f.gaps
    FROM ROWS FROM (
        pg_catalog.unnest(:'partitions'::text[]), pg_catalog.unnest(:'through'::text[]), pg_catalog.unnest(:'ordinals'::bigint[]),
        pg_catalog.unnest(:'missing'::numeric[]), pg_catalog.unnest(:'unlisted'::numeric[]), pg_catalog.unnest(:'gaps'::bigint[])
    ) AS f (partition_values, through, ordinal, missing, unlisted, gaps)
), survey AS (
    INSERT INTO lacuna.survey AS s (stream, as_of)
    SELECT :'stream', :'as_of'::timestamptz
    WHERE :'whole'::boolean
    ON CONFLICT (stream) DO UPDATE SET as_of = EXCLUDED.as_of
), gone AS (
    DELETE FROM lacuna.survey_partition
    WHERE stream = :'stream' AND :'whole'::boolean AND partition NOT IN (SELECT partition FROM found)
)
INSERT INTO lacuna.survey_partition AS p (
    stream, partition, as_of, complete_through, complete_through_ordinal, missing_units, gaps, unlisted_units)
SELECT :'stream', f.partition, :'as_of'::timestamptz, f.through, f.ordinal, f.missing, f.gaps, f.unlisted
FROM found AS f
WHERE NOT :'whole'::boolean OR NOT EXISTS (
    SELECT
    FROM lacuna.survey_partition AS known
    WHERE known.stream = :'stream' AND known.partition = f.partition
        AND (known.complete_through, known.complete_through_ordinal, known.missing_units, known.gaps, known.unlisted_units)
            IS NOT DISTINCT FROM (f.through, f.ordinal, f.missing, f.gaps, f.unlisted))
ON CONFLICT (stream, partition) DO UPDATE
SET as_of = EXCLUDED.as_of, complete_through = EXCLUDED.complete_through,
    complete_through_ordinal = EXCLUDED.complete_through_ordinal, missing_units = EXCLUDED.missing_units,
    gaps = EXCLUDED.gaps, unlisted_units = EXCLUDED.unlisted_units
