-- Writes the games of a batch. batch (doc jsonb) holds a record of the API a row.
INSERT INTO public.games AS game (game_id, league, season, game_date, home, away, status)
SELECT
    doc ->> 'id', doc ->> 'league', (doc ->> 'season')::integer, (doc ->> 'date')::date,
    doc ->> 'home', doc ->> 'away', doc ->> 'status'
FROM batch
ORDER BY doc ->> 'id'
ON CONFLICT (game_id) DO UPDATE SET
    league = excluded.league, season = excluded.season, game_date = excluded.game_date,
    home = excluded.home, away = excluded.away, status = excluded.status
WHERE (game.league, game.season, game.game_date, game.home, game.away, game.status)
    IS DISTINCT FROM
    (excluded.league, excluded.season, excluded.game_date, excluded.home, excluded.away, excluded.status);
