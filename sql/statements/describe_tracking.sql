-- Whether all changes of a table are recorded for a stream, and what a summary of them rests on.
--
-- A fingerprint is told by the rows of the catalog that this transaction's snapshot sees, and by their xmin: whatever is
-- altered and altered back has another one. Only `settled` looks at what is true now.
--
-- Variables:
--   stream          text
--   schema, name    text          its table
--   key             text          the key column
--   partitions      text[]        the partition columns
--   arguments       text[]        what the triggers are given: the SQL of unit, partition and filter
-- Rows: none if there is no such table, else one:
--   id integer                    of the stream in lacuna.tracking; NULL if nothing was installed
--   problem text                  why changes cannot be recorded, or are not; NULL if they are
--   can_be_tracked boolean        whether the problem goes away with `lacuna init`
--   tables, triggers, columns, recorder text    the fingerprint
--   snapshot text                 this transaction's; NULL on a standby
--   settled boolean               whether the partitions of the snapshot are those that a scan reads now
--   generation bigint, summary text, fingerprint text[], lower bigint, upper bigint, since text    the summary; its
--                                 snapshot is NULL if there is none, or if it was written in another cluster
WITH RECURSIVE root AS (
    SELECT c.oid, c.relkind, c.relhassubclass
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = :'schema' AND c.relname = :'name'
), tree (oid, link) AS (
    SELECT r.oid, '' FROM root AS r
    UNION ALL
    SELECT i.inhrelid, i.xmin::text FROM tree AS t JOIN pg_catalog.pg_inherits AS i ON i.inhparent = t.oid
), registered AS (
    SELECT t.id, t.generation, t.fingerprint, t.lower, t.upper, t.summarized_at,
        CASE WHEN t.xmin = t.written::xid THEN t.snapshot END AS snapshot
    FROM lacuna.tracking AS t
    WHERE t.stream = :'stream'
), member AS (
    SELECT t.oid, t.link, c.relname, c.relkind, c.relfilenode, c.relpersistence, c.relrowsecurity,
        t.oid::pg_catalog.regclass::text AS name, columns.*, pg_catalog.string_agg(
            pg_catalog.convert_to(a.argument, pg_catalog.getdatabaseencoding()) || '\x00'::bytea, '' ORDER BY a.position)
            AS arguments
    FROM tree AS t
    JOIN pg_catalog.pg_class AS c ON c.oid = t.oid
    CROSS JOIN LATERAL (
        SELECT pg_catalog.array_agg(a.attname ORDER BY a.attname)::text AS names,
            pg_catalog.array_agg(a.atttypid ORDER BY a.attname)::text AS types,
            pg_catalog.string_agg(pg_catalog.concat_ws(':', a.attnum, a.atttypid, a.attcollation, a.xmin), ',' ORDER BY a.attname)
                AS columns,
            pg_catalog.bool_or(a.attgenerated NOT IN ('', 's')) AS is_virtual
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = t.oid AND a.attname = ANY ((:'partitions'::text[] || :'key'::text)::name[])
            AND NOT a.attisdropped
    ) AS columns
    LEFT JOIN registered AS r ON true
    CROSS JOIN LATERAL pg_catalog.unnest(
        ARRAY[r.id::text] || :'arguments'::text[] || ARRAY[columns.names, columns.types]) WITH ORDINALITY AS a (argument, position)
    GROUP BY t.oid, t.link, c.oid, columns.names, columns.types, columns.columns, columns.is_virtual
), recording AS (
    SELECT m.oid, pg_catalog.string_agg(pg_catalog.concat_ws(':', t.oid, t.xmin), ',' ORDER BY t.oid) AS triggers,
        pg_catalog.count(*) AS count
    FROM member AS m
    JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = m.oid AND t.tgargs = m.arguments AND t.tgqual IS NULL
        AND t.tgfoid = pg_catalog.to_regprocedure('lacuna.record_change()')
    WHERE (t.tgtype, t.tgenabled) IN ((4, 'A'), (8, 'A'), (16, 'A'), (32, 'A'), (29, 'R'))
    GROUP BY m.oid
)
SELECT
    r.id,
    problem.problem,
    COALESCE(problem.can_be_tracked, true) AS can_be_tracked,
    (SELECT pg_catalog.sha256(pg_catalog.string_agg(
        pg_catalog.concat_ws(':', m.oid, m.relfilenode, m.link), ',' ORDER BY m.oid)::bytea)::text FROM member AS m) AS tables,
    (SELECT pg_catalog.sha256(pg_catalog.string_agg(
        pg_catalog.concat_ws(':', g.oid, g.triggers), ',' ORDER BY g.oid)::bytea)::text FROM recording AS g) AS triggers,
    (SELECT pg_catalog.sha256(pg_catalog.string_agg(
        pg_catalog.concat_ws(':', m.oid, m.columns), ',' ORDER BY m.oid)::bytea)::text FROM member AS m) AS columns,
    (SELECT pg_catalog.concat_ws(',', p.oid, p.xmin, c.oid, c.relpersistence, (
            SELECT pg_catalog.string_agg(pg_catalog.concat_ws(':', t.oid, t.xmin), ',' ORDER BY t.oid)
            FROM pg_catalog.pg_trigger AS t
            WHERE t.tgrelid IN (c.oid, pg_catalog.to_regclass('lacuna.summary'))))
        FROM pg_catalog.pg_proc AS p
        CROSS JOIN pg_catalog.pg_class AS c
        WHERE p.oid = pg_catalog.to_regprocedure('lacuna.record_change()')
            AND c.oid = pg_catalog.to_regclass('lacuna.change')) AS recorder,
    CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_current_snapshot()::text END AS snapshot,
    root.relkind <> 'p' OR NOT EXISTS (
        (SELECT l.relid::oid FROM pg_catalog.pg_partition_tree(root.oid) AS l
            EXCEPT SELECT m.oid FROM member AS m)
        UNION ALL
        (SELECT m.oid FROM member AS m
            EXCEPT SELECT l.relid::oid FROM pg_catalog.pg_partition_tree(root.oid) AS l)
    ) AS settled,
    r.generation,
    r.snapshot::text AS summary,
    r.fingerprint,
    r.lower,
    r.upper,
    pg_catalog.to_char(r.summarized_at, 'YYYY-MM-DD HH24:MI:SS TZ') AS since
FROM root
LEFT JOIN registered AS r ON true
LEFT JOIN LATERAL (
    SELECT p.*
    FROM (
        SELECT 1 AS rank, 'it is no table of this database''s own' AS problem, false AS can_be_tracked
        WHERE root.relkind NOT IN ('r', 'p')
        UNION ALL
        SELECT 2, 'it is a part of another table, through which it can be written', false
        WHERE EXISTS (SELECT FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = root.oid)
        UNION ALL
        SELECT 3, 'other tables inherit from it', false WHERE root.relkind = 'r' AND root.relhassubclass
        UNION ALL
        SELECT 4, pg_catalog.format('%s is no ordinary table', m.name), false FROM member AS m WHERE m.relkind NOT IN ('r', 'p')
        UNION ALL
        SELECT 5, pg_catalog.format('%s is not kept through a crash', m.name), false
        FROM member AS m WHERE m.relpersistence <> 'p'
        UNION ALL
        SELECT 6, pg_catalog.format('%s has row-level security: roles see different rows', m.name), false
        FROM member AS m WHERE m.relrowsecurity
        UNION ALL
        SELECT 7, 'a key or partition column is computed when it is read', false FROM member AS m WHERE m.is_virtual
        UNION ALL
        SELECT 8, pg_catalog.format('partition column %I is not of type text, integer or uuid', a.attname), false
        FROM pg_catalog.pg_attribute AS a
        JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
        LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
        WHERE a.attrelid = root.oid AND a.attname = ANY (:'partitions'::name[]) AND NOT (
            CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END IN ('text'::regtype, 'varchar'::regtype,
                'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'uuid'::regtype)
            AND COALESCE(l.collisdeterministic, true))
        UNION ALL
        SELECT 9, 'its triggers are not installed: run `lacuna init`', true WHERE r.id IS NULL
        UNION ALL
        SELECT 9, pg_catalog.format('%s does not have its triggers as they should be: run `lacuna init`', m.name), true
        FROM member AS m
        LEFT JOIN recording AS g USING (oid)
        WHERE COALESCE(g.count, 0) <> CASE m.relkind WHEN 'p' THEN 4 ELSE 5 END
    ) AS p
    ORDER BY p.rank, p.problem
    LIMIT 1
) AS problem ON true
