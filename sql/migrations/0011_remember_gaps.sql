-- Remembers what is missing, since when and why, for dashboards and for jobs that wait for a history. It decides nothing.

-- When all partitions of a stream were surveyed last.
CREATE TABLE lacuna.survey (
    stream text PRIMARY KEY,
    as_of timestamptz NOT NULL
);

-- What a survey found of a partition. A survey of the whole stream that finds the same leaves the row as it is.
CREATE TABLE lacuna.survey_partition (
    stream text NOT NULL,
    partition jsonb NOT NULL DEFAULT '{}',
    as_of timestamptz NOT NULL,
    -- The unit that nothing is missing up to; NULL if the first one is missing, or if keys have no order.
    complete_through text,
    complete_through_ordinal bigint,
    missing_units numeric NOT NULL,
    gaps bigint NOT NULL,
    -- The missing units that lacuna.gap has no room for.
    unlisted_units numeric NOT NULL,
    PRIMARY KEY (stream, partition)
);

-- The missing units of a survey: a range for each cause. A row goes when its units are there.
CREATE TABLE lacuna.gap (
    stream text NOT NULL,
    partition jsonb NOT NULL DEFAULT '{}',
    lower bigint NOT NULL,
    upper bigint NOT NULL,
    -- The first unit and the last one, as people read them.
    first text NOT NULL,
    last text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('missing', 'thin')),
    first_seen timestamptz NOT NULL,
    cause text NOT NULL,
    -- An error or a reason.
    detail text NOT NULL,
    -- When it failed, was marked or was fetched last.
    cause_at timestamptz,
    -- In how many runs in a row it failed, and from when on a run tries it again.
    tries integer,
    next_try timestamptz,
    marked_by text,
    -- When the last row of its units went, if changes are tracked.
    had_rows_until timestamptz,
    PRIMARY KEY (stream, partition, lower),
    CHECK (lower < upper)
);

-- What is missing, with the moment of the survey that saw it last.
CREATE VIEW lacuna.missing AS
SELECT
    g.stream, g.partition, g.first, g.last, g.upper::numeric - g.lower AS units, g.kind, g.first_seen, g.cause, g.detail,
    g.cause_at, g.tries, g.next_try, g.marked_by, g.had_rows_until, g.lower, g.upper,
    GREATEST(s.as_of, p.as_of) AS as_of
FROM lacuna.gap AS g
JOIN lacuna.survey_partition AS p USING (stream, partition)
LEFT JOIN lacuna.survey AS s USING (stream);

-- Up to which unit each partition is complete, with the moment of the survey that says so.
CREATE VIEW lacuna.complete_through AS
SELECT
    p.stream, p.partition, p.complete_through, p.complete_through_ordinal AS ordinal, p.missing_units, p.gaps,
    p.unlisted_units, GREATEST(s.as_of, p.as_of) AS as_of
FROM lacuna.survey_partition AS p
LEFT JOIN lacuna.survey AS s USING (stream);

-- The first run of a stream that the journal held. If its row is gone, the journal does not tell all.
ALTER TABLE lacuna.stream ADD COLUMN first_run bigint;
UPDATE lacuna.stream AS s
SET first_run = CASE
        WHEN EXISTS (SELECT FROM lacuna.run WHERE id = 1) THEN (
            SELECT pg_catalog.min(r.id) FROM lacuna.run AS r
            WHERE r.stream = s.name AND r.mode IN ('reconcile', 'catchup'))
        ELSE 0
    END
WHERE EXISTS (SELECT FROM lacuna.run) OR EXISTS (SELECT FROM lacuna.cursor AS c WHERE c.stream = s.name);

-- What the source refused as a whole: no window is at fault, and none waits.
ALTER TABLE lacuna.batch DROP CONSTRAINT batch_state_check;
ALTER TABLE lacuna.batch ADD CHECK (state IN ('committed', 'failed', 'refused'));

-- Who made a mark; NULL if it was made before this was noted.
ALTER TABLE lacuna.refetch ADD COLUMN marked_by text;
ALTER TABLE lacuna.refetch ALTER COLUMN marked_by SET DEFAULT session_user;

-- When a change was made; NULL if it was made before this was noted.
ALTER TABLE lacuna.change ADD COLUMN changed_at timestamptz;
ALTER TABLE lacuna.change ALTER COLUMN changed_at SET DEFAULT pg_catalog.now();

-- Who may read or write the evidence may do so with these tables too, and who may read it with the views.
DO $$
DECLARE
    granted record;
    relation text;
BEGIN
    FOR granted IN
        SELECT a.grantee, a.privilege_type
        FROM pg_catalog.pg_class AS c, pg_catalog.aclexplode(c.relacl) AS a
        WHERE c.oid = 'lacuna.verified_empty'::regclass AND a.grantee <> c.relowner
            AND a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    LOOP
        FOREACH relation IN ARRAY ARRAY['survey', 'survey_partition', 'gap', 'missing', 'complete_through'] LOOP
            CONTINUE WHEN relation IN ('missing', 'complete_through') AND granted.privilege_type <> 'SELECT';
            EXECUTE pg_catalog.format('GRANT %s ON lacuna.%I TO %s', granted.privilege_type, relation,
                CASE WHEN granted.grantee = 0 THEN 'PUBLIC' ELSE granted.grantee::regrole::text END);
        END LOOP;
    END LOOP;
END
$$;
