-- Loads the history as the second node recorded it, up to height 794000, into the table `blocks`.
-- Runs in this folder: psql -f load-history.sql

\set ON_ERROR_STOP on

CREATE TABLE public.blocks (
    height  bigint NOT NULL,
    hash    text   NOT NULL,
    status  text   NOT NULL,
    seen_at bigint NOT NULL,  -- seconds since 1970
    PRIMARY KEY (height, hash) -- two blocks may compete for a height
);

-- What both nodes recorded; kept, so that the demo can compare.
CREATE TABLE public.arrivals (
    height        bigint NOT NULL,
    hash          text   NOT NULL,
    status        text   NOT NULL,
    provider_seen bigint NOT NULL,
    history_seen  bigint
);

\copy public.arrivals FROM 'arrivals.csv' (FORMAT csv, HEADER)

INSERT INTO public.blocks (height, hash, status, seen_at)
SELECT height, hash, status, history_seen
FROM public.arrivals
WHERE history_seen IS NOT NULL AND height <= 794000;

ANALYZE public.blocks;
