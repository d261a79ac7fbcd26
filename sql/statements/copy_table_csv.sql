-- Copies CSV records directly into a table.
--
-- Variables:
--   schema, table   identifiers
--   columns         fragment      the columns, in the order of the records' fields
COPY :"schema".:"table" (:columns) FROM STDIN (FORMAT csv)
