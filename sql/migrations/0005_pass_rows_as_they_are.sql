-- Rows go to the statements of lacuna.record_change as they are. Read back from texts, they would run what the types of the
-- table's other columns check, with the rights of this schema's owner.

-- Records what a statement changed. It decides nothing, and does not fail for what a table may hold.
--
-- Arguments of the trigger: the id in lacuna.tracking; as SQL the unit of a row, its lane, and whether it can be in a scan;
-- the columns that these read, and the types that they had. Where those are others now, nothing is recorded: a summary
-- of other columns is not read any more.
--
-- An UPDATE that leaves a unit in its lane is none: the unit had a row before and has one afterwards.
CREATE OR REPLACE FUNCTION lacuna.record_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tracking CONSTANT integer := TG_ARGV[0];
    before text;
    behind text;
    units text;
    old_units text;
    new_units text;
    unit_count bigint;
    first bigint;
    last bigint;
    first_lane text[];
    last_lane text[];
    width bigint := 1;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO lacuna.change (tracking, first, last)
        VALUES (tracking, -9223372036854775808, 9223372036854775807);
        RETURN NULL;
    END IF;
    IF TG_ARGV[5] IS DISTINCT FROM (
        SELECT array_agg(a.atttypid ORDER BY a.attname)::text
        FROM pg_attribute AS a
        WHERE a.attrelid = TG_RELID AND a.attname = ANY (TG_ARGV[4]::name[]) AND NOT a.attisdropped
    ) THEN
        RETURN NULL;
    END IF;
    before := format('SELECT %s AS lane, %s AS unit FROM ', TG_ARGV[2], TG_ARGV[1]);
    behind := format(' AS lacuna_row WHERE %s', TG_ARGV[3]);
    IF TG_LEVEL = 'ROW' THEN
        old_units := before || '(SELECT ($1).*)' || behind;
        new_units := before || '(SELECT ($2).*)' || behind;
    ELSE
        old_units := before || 'old_rows' || behind;
        new_units := before || 'new_rows' || behind;
    END IF;
    units := CASE TG_OP
        WHEN 'INSERT' THEN new_units
        WHEN 'DELETE' THEN old_units
        ELSE format('(%1$s EXCEPT %2$s) UNION ALL (%2$s EXCEPT %1$s)', old_units, new_units)
    END;
    EXECUTE format('SELECT count(*), min(unit), max(unit), min(lane), max(lane) FROM (%s) AS changed', units)
        INTO unit_count, first, last, first_lane, last_lane
        USING OLD, NEW;
    IF unit_count = 0 THEN
        RETURN NULL;
    END IF;
    IF first_lane = last_lane AND last::numeric - first < unit_count THEN
        INSERT INTO lacuna.change (tracking, lane, first, last) VALUES (tracking, first_lane, first, last);
        RETURN NULL;
    END IF;
    -- Few units are recorded as they are, many as a few thousand ranges that may hold others too.
    IF unit_count > 4096 THEN
        width := ((last::numeric - first) / 4096)::bigint + 1;
    END IF;
    EXECUTE format(
        'INSERT INTO lacuna.change (tracking, lane, first, last)
        SELECT $3, lane, min(first), max(last)
        FROM (
            SELECT lane, first, last, bucket - row_number() OVER (PARTITION BY lane ORDER BY bucket) AS island
            FROM (
                SELECT lane, (unit / $4)::numeric AS bucket, min(unit) AS first, max(unit) AS last
                FROM (%s) AS changed
                GROUP BY 1, 2
            ) AS piece
        ) AS piece
        GROUP BY lane, island', units)
        USING OLD, NEW, tracking, width;
    RETURN NULL;
END
$$;
