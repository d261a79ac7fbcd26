CREATE TABLE public.blocks (height bigint PRIMARY KEY, hash text NOT NULL, prev_hash text NOT NULL);
