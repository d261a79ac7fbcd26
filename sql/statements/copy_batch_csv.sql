-- Copies CSV records into the temporary table.
--
-- Variables:
--   columns         fragment      the columns, in the order of the records' fields
COPY pg_temp.batch (:columns) FROM STDIN (FORMAT csv)
