-- The tables of lacuna.yaml. Their primary keys are what rows are upserted by and what the gap scan reads.

-- Blocks of a chain, by height.
CREATE TABLE public.blocks (
    height bigint PRIMARY KEY,
    hash text NOT NULL,
    prev_hash text NOT NULL
);

-- Ledgers, by sequence number.
CREATE TABLE public.ledgers (
    sequence bigint PRIMARY KEY,
    hash text NOT NULL,
    prev_hash text NOT NULL,
    closed_at timestamptz NOT NULL,
    successful_transaction_count integer NOT NULL,
    operation_count integer NOT NULL,
    base_fee integer NOT NULL
);
