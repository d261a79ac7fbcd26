-- Copies JSON records, one a line, into the temporary table.
--
-- JSON holds no raw control characters, so that with two of them as quote and delimiter each line is one value as it stands.
COPY pg_temp.batch (doc) FROM STDIN (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')
