-- The days whose games are there but not as they should be: played games without a figure of each kind for both teams, and games
-- that should have been played and are still called scheduled. They count as gaps and are fetched again.
SELECT DISTINCT game.league, game.game_date
FROM public.games AS game
LEFT JOIN (
    SELECT game_id, count(DISTINCT (team, prop_type)) AS figures FROM public.team_game_logs GROUP BY game_id
) AS log ON log.game_id = game.game_id
WHERE (game.status = 'final' AND COALESCE(log.figures, 0) < 4)
    OR (game.status = 'scheduled' AND game.game_date < current_date - 2);
