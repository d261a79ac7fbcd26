-- Changes of the users' tables, for scans that do not start over: triggers that `lacuna init` puts on the tables of
-- streams with `track_changes` record which units changed, and a scan reads those units again alone.

-- The streams whose changes are recorded, and up to which snapshot the last whole scan and the changes since then are
-- summed up in lacuna.summary. Without a snapshot there is no summary.
CREATE TABLE lacuna.tracking (
    stream text PRIMARY KEY,
    id integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    generation bigint NOT NULL DEFAULT 0,
    snapshot pg_snapshot,
    fingerprint text[],
    lower bigint,
    upper bigint,
    -- The transaction that wrote the summary. A copy of the row in another cluster was written by another one.
    written xid8,
    summarized_at timestamptz
);

-- What was missing in each lane that had a row; long lists take several rows. A lane that is not here had none.
CREATE TABLE lacuna.summary (
    tracking integer NOT NULL,
    lane text[] NOT NULL,
    has_largest boolean NOT NULL,
    missing int8multirange NOT NULL
);
CREATE INDEX summary_tracking ON lacuna.summary (tracking);

-- Units that may have changed, first and last inclusive, in a lane; in all of them where it is NULL.
CREATE TABLE lacuna.change (
    tracking integer NOT NULL,
    lane text[],
    first bigint NOT NULL,
    last bigint NOT NULL,
    transaction xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id()
);
CREATE INDEX change_tracking ON lacuna.change (tracking);

-- Records what a statement changed. It decides nothing, and does not fail for what a table may hold.
--
-- Arguments of the trigger: the id in lacuna.tracking; as SQL the unit of a row, its lane, and whether it can be in a scan;
-- the columns that these read, and the types that they had. Where those are others now, nothing is recorded: a summary
-- of other columns is not read any more.
--
-- An UPDATE that leaves a unit in its lane is none: the unit had a row before and has one afterwards.
CREATE FUNCTION lacuna.record_change() RETURNS trigger
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
        old_units := before || format('(SELECT ($1::%s).*)', TG_RELID::regclass) || behind;
        new_units := before || format('(SELECT ($2::%s).*)', TG_RELID::regclass) || behind;
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
        USING OLD::text, NEW::text;
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
        USING OLD::text, NEW::text, tracking, width;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION lacuna.record_change() FROM PUBLIC;

-- A summary is worth nothing without the changes since then. Whoever takes rows away by hand takes it with them.
CREATE FUNCTION lacuna.void_summaries() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        UPDATE lacuna.tracking SET snapshot = NULL WHERE snapshot IS NOT NULL;
    ELSE
        UPDATE lacuna.tracking SET snapshot = NULL
        WHERE snapshot IS NOT NULL AND id IN (SELECT tracking FROM old_rows);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER void_on_delete AFTER DELETE ON lacuna.change REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION lacuna.void_summaries();
CREATE TRIGGER void_on_update AFTER UPDATE ON lacuna.change REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION lacuna.void_summaries();
CREATE TRIGGER void_on_truncate AFTER TRUNCATE ON lacuna.change
FOR EACH STATEMENT EXECUTE FUNCTION lacuna.void_summaries();
CREATE TRIGGER void_on_delete AFTER DELETE ON lacuna.summary REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION lacuna.void_summaries();
CREATE TRIGGER void_on_update AFTER UPDATE ON lacuna.summary REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION lacuna.void_summaries();
CREATE TRIGGER void_on_truncate AFTER TRUNCATE ON lacuna.summary
FOR EACH STATEMENT EXECUTE FUNCTION lacuna.void_summaries();
ALTER TABLE lacuna.change ENABLE ALWAYS TRIGGER void_on_delete;
ALTER TABLE lacuna.change ENABLE ALWAYS TRIGGER void_on_update;
ALTER TABLE lacuna.change ENABLE ALWAYS TRIGGER void_on_truncate;
ALTER TABLE lacuna.summary ENABLE ALWAYS TRIGGER void_on_delete;
ALTER TABLE lacuna.summary ENABLE ALWAYS TRIGGER void_on_update;
ALTER TABLE lacuna.summary ENABLE ALWAYS TRIGGER void_on_truncate;
