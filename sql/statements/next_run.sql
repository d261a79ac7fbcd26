-- A number for a run. The run's row is written only when the run has something to say.
--
-- Rows: one: id bigint, now timestamptz.
SELECT pg_catalog.nextval(pg_catalog.pg_get_serial_sequence('lacuna.run', 'id')) AS id
