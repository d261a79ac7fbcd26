-- Declares a range of units wrong.
--
-- Variables:
--   stream          text
--   columns, values text[]        the partition
--   lower, upper    bigint        the range, half-open
--   reason          text
--   replaces        boolean       whether any number of rows may go
INSERT INTO lacuna.refetch (stream, partition, lower, upper, reason, replaces)
VALUES (:'stream', pg_catalog.jsonb_object(:'columns'::text[], :'values'::text[]), :'lower'::bigint, :'upper'::bigint,
    :'reason', :'replaces'::boolean)
