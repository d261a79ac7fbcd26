-- The tables of lacuna.yaml.

-- A game of a league. Its day is the key of the stream: the index is what the gap scan reads.
CREATE TABLE public.games (
    game_id text PRIMARY KEY,
    league text NOT NULL,
    season integer NOT NULL,
    game_date date NOT NULL,
    home text NOT NULL,
    away text NOT NULL,
    status text NOT NULL -- scheduled, final or postponed
);

CREATE INDEX games_league_game_date ON public.games (league, game_date);

-- What a team did in a game, a row for each kind of figure.
CREATE TABLE public.team_game_logs (
    game_id text NOT NULL REFERENCES public.games ON DELETE CASCADE,
    team text NOT NULL,
    prop_type text NOT NULL,
    value numeric NOT NULL,
    PRIMARY KEY (game_id, team, prop_type)
);
