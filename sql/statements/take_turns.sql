-- Takes turns of a shared limit: those that have been free for longest, or will be soon. Nobody waits for a lock. Who asks gets a
-- part of what is free soon, so that one that asks often leaves something to the others. While another waits for a turn, nobody
-- has more than an equal part of all turns.
--
-- Variables:
--   name            text          of the limit
--   taker           text          who takes them
--   turns           integer       how many the limit has
--   wanted          integer       how many are wanted
--   shared          integer       how many all takers together may have in hand at once
--   ahead           bigint        for how many microseconds ahead
--   hold            bigint        how many microseconds after that they are free again if nothing more is heard
-- Rows: the turns, and one without a number if there are others: number integer; lease text, when it is free if nothing more is
--   heard; wait bigint, in how many microseconds it is free. The one without a number tells when the next turn is.
WITH present AS MATERIALIZED (
    SELECT pg_catalog.clock_timestamp() AS instant
), others AS MATERIALIZED (
    SELECT pg_catalog.count(*) AS number, COALESCE(pg_catalog.bool_or(t.is_waiting), false) AS wait
    FROM lacuna.shared_turn_taker AS t, present
    WHERE t.name = :'name' AND t.taker <> :'taker' AND t.seen_at > present.instant - interval '500 milliseconds'
), mine AS MATERIALIZED (
    SELECT pg_catalog.count(*) AS number
    FROM lacuna.shared_turn AS t, present
    WHERE t.name = :'name' AND t.number <= :'turns'::integer AND t.taker = :'taker' AND t.free_at > present.instant
), share AS MATERIALIZED (
    SELECT LEAST(
        :'wanted'::bigint,
        (:'shared'::integer + o.number) / (o.number + 1),
        CASE WHEN o.wait THEN GREATEST((:'turns'::integer + o.number) / (o.number + 1) - m.number, 0) END) AS number
    FROM others AS o, mine AS m
), free AS MATERIALIZED (
    SELECT t.number, t.free_at
    FROM lacuna.shared_turn AS t, present
    WHERE t.name = :'name' AND t.number <= :'turns'::integer
        AND t.free_at <= present.instant + :'ahead'::bigint * interval '1 microsecond'
    ORDER BY t.free_at, t.number
    LIMIT (SELECT number FROM share)
    FOR UPDATE OF t SKIP LOCKED
), taken AS (
    UPDATE lacuna.shared_turn AS t
    SET
        free_at = present.instant + (:'ahead'::bigint + :'hold'::bigint) * interval '1 microsecond',
        taker = :'taker'
    FROM free, present
    WHERE t.name = :'name' AND t.number = free.number
    RETURNING t.number, t.free_at::text AS lease, free.free_at AS free_at
), seen AS (
    INSERT INTO lacuna.shared_turn_taker (name, taker, seen_at, is_waiting)
    SELECT :'name', :'taker', instant, NOT EXISTS (SELECT FROM taken) FROM present
    ON CONFLICT (name, taker) DO UPDATE SET seen_at = EXCLUDED.seen_at, is_waiting = EXCLUDED.is_waiting
)
SELECT
    r.number, r.lease,
    -- Rather a microsecond too late than too early.
    GREATEST(0, pg_catalog.ceil(EXTRACT(epoch FROM GREATEST(r.free_at, 'epoch') - present.instant) * 1000000))::bigint
        AS wait
FROM (
    SELECT number, lease, free_at FROM taken
    UNION ALL
    SELECT NULL, NULL, pg_catalog.min(t.free_at)
    FROM lacuna.shared_turn AS t
    WHERE t.name = :'name' AND t.number <= :'turns'::integer AND t.number NOT IN (SELECT number FROM taken)
) AS r, present
WHERE r.free_at IS NOT NULL
