-- Streams with `rows: replace` delete what the source no longer has.
ALTER TABLE lacuna.batch ADD COLUMN rows_deleted bigint NOT NULL DEFAULT 0;

-- Whether whoever made the mark lets the source take away any number of rows.
ALTER TABLE lacuna.refetch ADD COLUMN replaces boolean NOT NULL DEFAULT false;
