-- Takes what the scripts under `after` are owed for, in the transaction that runs them: whatever is taken here was committed
-- before the scripts look. Two runs that take at once share it out.
--
-- Variables:
--   stream          text
--
-- One row: were the scripts owed?
WITH taken AS (DELETE FROM lacuna.owed_after WHERE stream = :'stream' RETURNING 1)
SELECT pg_catalog.count(*) > 0 AS owed FROM taken
