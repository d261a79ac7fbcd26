-- Declares a range of units missing for good. No other declaration may touch it: take that away before.
--
-- Variables:
--   stream          text
--   columns, values text[]        the partition
--   lower, upper    bigint        the range, half-open
--   reason          text
--   ends            text          when the declaration ends, seconds since the epoch; empty: never
INSERT INTO lacuna.accepted (stream, partition, lower, upper, reason, ends_at)
VALUES (:'stream', pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[]), :'lower'::bigint, :'upper'::bigint,
    :'reason', pg_catalog.to_timestamp(NULLIF(:'ends', '')::bigint))
