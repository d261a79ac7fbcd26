-- Which commits the scripts under `after` have not run for yet. A run that ends before its scripts leaves them to the next.
CREATE TABLE lacuna.owed_after (
    stream text NOT NULL,
    run bigint NOT NULL,
    batch bigint NOT NULL
);
CREATE INDEX owed_after_stream ON lacuna.owed_after (stream);
