-- Writes the statistics that the games of a batch hold: none while a game has not been played.
INSERT INTO public.team_game_logs AS log (game_id, team, prop_type, value)
SELECT doc ->> 'id', figure ->> 'team', figure ->> 'prop_type', (figure ->> 'value')::numeric
FROM batch
CROSS JOIN LATERAL jsonb_array_elements(doc -> 'logs') AS figure
ORDER BY 1, 2, 3
ON CONFLICT (game_id, team, prop_type) DO UPDATE SET value = excluded.value
WHERE log.value <> excluded.value;
