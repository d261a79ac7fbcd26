-- Copies rows in COPY's text format directly into a table.
--
-- Variables:
--   schema, table   identifiers
--   columns         fragment      the columns, in the order of the values
COPY :"schema".:"table" (:columns) FROM STDIN (FORMAT text)
