-- Text keys: ids without an order. Each is given an ordinal when a run first sees it, under which evidence and journal
-- know it from then on.
CREATE TABLE lacuna.key (
    stream text NOT NULL,
    key text NOT NULL,
    ordinal bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (stream, key),
    UNIQUE (stream, ordinal)
);

ALTER TABLE lacuna.stream DROP CONSTRAINT stream_key_type_check;
ALTER TABLE lacuna.stream ADD CHECK (key_type IN ('integer', 'date', 'timestamp', 'text'));

CREATE OR REPLACE FUNCTION lacuna.key_text(stream text, ordinal bigint) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE s.key_type
        WHEN 'integer' THEN (ordinal::numeric * s.step)::text
        WHEN 'date' THEN (date '1970-01-01' + ordinal::integer)::text
        WHEN 'text' THEN (
            SELECT k.key FROM lacuna.key AS k WHERE k.stream = key_text.stream AND k.ordinal = key_text.ordinal)
        ELSE pg_catalog.to_char(
            pg_catalog.to_timestamp(ordinal * s.step - s.anchor) AT TIME ZONE s.timezone, 'YYYY-MM-DD"T"HH24:MI:SS')
    END
    FROM lacuna.stream AS s
    WHERE s.name = key_text.stream
$$;
