-- Holds each stream to the table that it was registered for, and partitions to values that the table can have.

-- The table's own number, which stays when it is renamed; NULL until the next run or `lacuna init`.
ALTER TABLE lacuna.stream ADD COLUMN relation_oid oid;

ALTER TABLE lacuna.run DROP CONSTRAINT run_mode_check;
ALTER TABLE lacuna.run ADD CHECK (mode IN ('reconcile', 'catchup', 'rewind', 'mark', 'forget'));

-- A partition as it is kept: every value as text, and exactly the columns that the stream declares.
--
-- Values that no row can have are rejected, because their extents would never be looked at: JSON's null, arrays and objects,
-- and for columns of the commonest types texts that PostgreSQL does not write so, as 1.0 for an integer.
CREATE OR REPLACE FUNCTION lacuna.lane(stream text, partition jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET "DateStyle" = 'ISO, YMD'
AS $$
DECLARE
    registered lacuna.stream;
    given text[];
    field record;
    written text;
BEGIN
    SELECT * INTO registered FROM lacuna.stream AS r WHERE r.name = lane.stream;
    given := ARRAY(SELECT k FROM jsonb_object_keys(partition) AS k ORDER BY k);
    IF given <> ARRAY(SELECT k FROM unnest(registered.partition_columns) AS k ORDER BY k) THEN
        RAISE EXCEPTION 'stream "%" has the partition columns %, not %', stream, registered.partition_columns, given
            USING HINT = 'Give a JSON object with a value for each of them.';
    END IF;
    FOR field IN
        SELECT e.key AS name, jsonb_typeof(e.value) AS kind, e.value #>> '{}' AS value, (
            SELECT CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
            FROM pg_attribute AS a
            JOIN pg_type AS t ON t.oid = a.atttypid
            WHERE a.attrelid = registered.relation_oid AND a.attname = e.key AND NOT a.attisdropped
        ) AS type
        FROM jsonb_each(partition) AS e (key, value)
    LOOP
        IF field.kind NOT IN ('string', 'number', 'boolean') THEN
            RAISE EXCEPTION 'no partition of stream "%" can have % as "%"', stream,
                CASE field.kind WHEN 'null' THEN 'null' ELSE 'an ' || field.kind END, field.name
                USING HINT = 'Give the value of the column as text.';
        END IF;
        written := CASE
            WHEN field.type IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) THEN field.value::int8::text
            WHEN field.type = 'bool'::regtype THEN field.value::bool::text
            WHEN field.type = 'date'::regtype THEN field.value::date::text
            WHEN field.type = 'uuid'::regtype THEN field.value::uuid::text
            ELSE field.value
        END;
        IF written <> field.value THEN
            RAISE EXCEPTION 'no partition of stream "%" can have ''%'' as "%", which is of type %', stream, field.value,
                field.name, format_type(field.type, NULL)
                USING HINT = format('The column writes it as ''%s''.', written);
        END IF;
    END LOOP;
    RETURN (SELECT COALESCE(jsonb_object_agg(e.key, e.value), '{}') FROM jsonb_each_text(partition) AS e (key, value));
END
$$;
