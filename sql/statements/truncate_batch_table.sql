-- Empties the temporary table for the next batch of the same transaction: dropping and creating it anew would take more
-- locks with every batch of a long catchup than the server has room for.
TRUNCATE pg_temp.batch
