-- Says what the summary of a stream holds, last in the transaction that wrote it.
--
-- Variables:
--   id              integer       of the stream in lacuna.tracking
--   snapshot        text          in which the table was read
--   fingerprint     text[]        what it rests on
--   lower, upper    bigint        the range that it spans, half-open
UPDATE lacuna.tracking
SET generation = generation + 1, snapshot = :'snapshot'::text::pg_snapshot, fingerprint = :'fingerprint'::text[],
    lower = :'lower'::bigint, upper = :'upper'::bigint, written = pg_catalog.pg_current_xact_id(),
    summarized_at = pg_catalog.now()
WHERE id = :'id'::integer
