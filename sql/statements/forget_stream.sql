-- Forgets a stream: its registration, its extents and evidence, the ordinals of its ids, what was missing, and how often its batches failed. The
-- journal of what was committed stays, and so do its rows.
--
-- Variables:
--   stream          text
-- Rows: one: registrations, extents, verified, marks, accepted, keys (how many rows there were of each)
-- bigint.
WITH registration AS (
    DELETE FROM lacuna.stream WHERE name = :'stream' RETURNING 1
), extents AS (
    DELETE FROM lacuna.cursor WHERE stream = :'stream' RETURNING 1
), verified AS (
    DELETE FROM lacuna.verified_empty WHERE stream = :'stream' RETURNING 1
), provisional AS (
    DELETE FROM lacuna.provisional WHERE stream = :'stream'
), settled AS (
    DELETE FROM lacuna.settled WHERE stream = :'stream'
), verification AS (
    DELETE FROM lacuna.verification WHERE stream = :'stream'
), marks AS (
    DELETE FROM lacuna.refetch WHERE stream = :'stream' RETURNING 1
), accepted AS (
    DELETE FROM lacuna.accepted WHERE stream = :'stream' RETURNING 1
), keys AS (
    DELETE FROM lacuna.key WHERE stream = :'stream' RETURNING 1
), owed AS (
    DELETE FROM lacuna.owed_after WHERE stream = :'stream'
), survey AS (
    DELETE FROM lacuna.survey WHERE stream = :'stream'
), survey_partition AS (
    DELETE FROM lacuna.survey_partition WHERE stream = :'stream'
), gaps AS (
    DELETE FROM lacuna.gap WHERE stream = :'stream'
), failures AS (
    DELETE FROM lacuna.batch WHERE stream = :'stream' AND state <> 'committed'
)
SELECT
    (SELECT pg_catalog.count(*) FROM registration) AS registrations,
    (SELECT pg_catalog.count(*) FROM extents) AS extents,
    (SELECT pg_catalog.count(*) FROM verified) AS verified,
    (SELECT pg_catalog.count(*) FROM marks) AS marks,
    (SELECT pg_catalog.count(*) FROM accepted) AS accepted,
    (SELECT pg_catalog.count(*) FROM keys) AS keys
