-- Makes the turns of a shared limit that are not there yet, and forgets who has not taken any for an hour.
--
-- Variables:
--   name            text          of the limit
--   turns           integer       how many it has
WITH forgotten AS (
    DELETE FROM lacuna.shared_turn_taker AS t
    WHERE t.name = :'name' AND t.seen_at < pg_catalog.clock_timestamp() - interval '1 hour'
)
INSERT INTO lacuna.shared_turn (name, number, free_at)
SELECT :'name', n, '-infinity' FROM pg_catalog.generate_series(1, :'turns'::integer) AS n
ON CONFLICT DO NOTHING
