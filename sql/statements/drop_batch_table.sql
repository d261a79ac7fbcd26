-- Drops the temporary table of a batch, for the next batch of the same transaction.
DROP TABLE pg_temp.batch
