-- Keeps missing units, in the place of those that begin with the same one.
--
-- Variables:
--   stream          text
--   as_of           timestamptz   when they were seen
--   columns         text[]        the partition columns
--   partitions      text[]        the partition of each range: a text[] of its values, as text
--   lowers, uppers  bigint[]      the ranges, half-open
--   firsts, lasts   text[]        their first and last units, as people read them
--   kinds, causes, details   text[]
--   first_seen      bigint[]      microseconds since the epoch, or NULL: now
--   cause_at, next_try, had_rows   bigint[]   seconds since the epoch, or NULL
--   tries           integer[]     or NULL
--   marked_by       text[]        empty if nobody did
INSERT INTO lacuna.gap AS g (
    stream, partition, lower, upper, first, last, kind, first_seen, cause, detail, cause_at, tries, next_try, marked_by,
    had_rows_until)
SELECT
    :'stream', pg_catalog.jsonb_object(:'columns'::text[], f.partition_values::text[]), f.lower, f.upper, f.first, f.last, f.kind,
    COALESCE(timestamptz 'epoch' + f.first_seen * interval '1 microsecond', :'as_of'::timestamptz), f.cause, f.detail,
    pg_catalog.to_timestamp(f.cause_at), f.tries, pg_catalog.to_timestamp(f.next_try), NULLIF(f.marked_by, ''),
    pg_catalog.to_timestamp(f.had_rows)
FROM ROWS FROM (
    pg_catalog.unnest(:'partitions'::text[]), pg_catalog.unnest(:'lowers'::bigint[]), pg_catalog.unnest(:'uppers'::bigint[]),
    pg_catalog.unnest(:'firsts'::text[]), pg_catalog.unnest(:'lasts'::text[]), pg_catalog.unnest(:'kinds'::text[]),
    pg_catalog.unnest(:'causes'::text[]), pg_catalog.unnest(:'details'::text[]), pg_catalog.unnest(:'first_seen'::bigint[]),
    pg_catalog.unnest(:'cause_at'::bigint[]), pg_catalog.unnest(:'next_try'::bigint[]), pg_catalog.unnest(:'had_rows'::bigint[]),
    pg_catalog.unnest(:'tries'::integer[]), pg_catalog.unnest(:'marked_by'::text[])
) AS f (
    partition_values, lower, upper, first, last, kind, cause, detail, first_seen, cause_at, next_try, had_rows, tries, marked_by)
ON CONFLICT (stream, partition, lower) DO UPDATE
SET upper = EXCLUDED.upper, first = EXCLUDED.first, last = EXCLUDED.last, kind = EXCLUDED.kind,
    first_seen = EXCLUDED.first_seen, cause = EXCLUDED.cause, detail = EXCLUDED.detail, cause_at = EXCLUDED.cause_at,
    tries = EXCLUDED.tries, next_try = EXCLUDED.next_try, marked_by = EXCLUDED.marked_by,
    had_rows_until = EXCLUDED.had_rows_until
