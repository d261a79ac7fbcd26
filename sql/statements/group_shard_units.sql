-- Sums up the units of a distributed table in words of 64 units, a bit for each. The shards sum up their own rows, and their words
-- are joined: no key is sent.
--
-- Variables:
--   schema, table   identifiers   where the rows are
--   partition_values fragment      the partition as text[]
--   in_partition    fragment      whether a row belongs to the partition that is looked at, or true
--   in_range        fragment      lower <= unit < upper; NULL keys fall out
--   unit            fragment      the ordinal of a row, bigint
--   lower, upper    bigint        the range that is looked at, half-open
-- Rows: lacuna_partition text[], lacuna_word bigint (its units are word * 64 and those that follow), lacuna_bits bigint (the lowest
-- one is the first unit's); by partition and word.
--
-- psql -v schema=public -v table=ledgers -v partition_values="'{}'::text[]" -v in_partition=true -v unit=sequence \
--      -v in_range='sequence >= 1 AND sequence < 10000000' -f group_shard_units.sql
SELECT
    :partition_values AS lacuna_partition,
    (:unit) >> 6 AS lacuna_word,
    pg_catalog.bit_or(1::bigint << ((:unit) & 63)::integer) AS lacuna_bits
FROM :"schema".:"table"
WHERE (:in_partition) AND :in_range
GROUP BY 1, 2
ORDER BY 1, 2
