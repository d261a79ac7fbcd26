-- Gives turns of a shared limit back: each is free again after a time from now. What was taken for lost meanwhile, and is in
-- use by somebody else, stays as it is.
--
-- Variables:
--   name            text          of the limit
--   numbers         integer[]     the turns
--   leases          text[]        of each, when it would be free if nothing more had been heard, as take_turns gave it
--   waits           bigint[]      of each, after how many microseconds it is free
UPDATE lacuna.shared_turn AS t
SET free_at = pg_catalog.clock_timestamp() + r.wait * interval '1 microsecond'
FROM ROWS FROM (
    pg_catalog.unnest(:'numbers'::integer[]), pg_catalog.unnest(:'leases'::text[]), pg_catalog.unnest(:'waits'::bigint[])
) AS r (number, lease, wait)
WHERE t.name = :'name' AND t.number = r.number AND t.free_at = r.lease::timestamptz
