-- Gives a stream another name, with all that was learned of it, its journal and the ordinals of its ids. Nothing may be known
-- under the new name: two histories cannot become one.
--
-- Variables:
--   stream          text          the name that it has
--   name            text          the name that it gets
-- Rows: one: registrations, others bigint: how many registrations got the name, and how much else was known under it already.
WITH others AS MATERIALIZED (
    SELECT
        (SELECT pg_catalog.count(*) FROM lacuna.stream AS t WHERE t.name = :'name')
        + (SELECT pg_catalog.count(*) FROM lacuna.cursor AS t WHERE t.stream = :'name')
        + (SELECT pg_catalog.count(*) FROM lacuna.key AS t WHERE t.stream = :'name')
        + (SELECT pg_catalog.count(*) FROM lacuna.tracking AS t WHERE t.stream = :'name')
        + (SELECT pg_catalog.count(*) FROM lacuna.verified_empty AS t WHERE t.stream = :'name')
        + (SELECT pg_catalog.count(*) FROM lacuna.accepted AS t WHERE t.stream = :'name')
        + (SELECT pg_catalog.count(*) FROM lacuna.refetch AS t WHERE t.stream = :'name') AS number
), registration AS (
    UPDATE lacuna.stream AS t SET name = :'name' FROM others AS o WHERE t.name = :'stream' AND o.number = 0 RETURNING 1
), extents AS (
    UPDATE lacuna.cursor AS t SET stream = :'name' FROM registration WHERE t.stream = :'stream'
), verified AS (
    UPDATE lacuna.verified_empty AS t SET stream = :'name' FROM registration WHERE t.stream = :'stream'
), provisional AS (
    UPDATE lacuna.provisional AS t SET stream = :'name' FROM registration WHERE t.stream = :'stream'
), settled AS (
    UPDATE lacuna.settled AS t SET stream = :'name' FROM registration WHERE t.stream = :'stream'
), marks AS (
    UPDATE lacuna.refetch AS t SET stream = :'name' FROM registration WHERE t.stream = :'stream'
), accepted AS (
    UPDATE lacuna.accepted AS t SET stream = :'name' FROM registration WHERE t.stream = :'stream'
), keys AS (
    UPDATE lacuna.key AS t SET stream = :'name' FROM registration WHERE t.stream = :'stream'
), owed AS (
    UPDATE lacuna.owed_after AS t SET stream = :'name' FROM registration WHERE t.stream = :'stream'
), survey AS (
    UPDATE lacuna.survey AS t SET stream = :'name' FROM registration WHERE t.stream = :'stream'
), survey_partition AS (
    UPDATE lacuna.survey_partition AS t SET stream = :'name' FROM registration WHERE t.stream = :'stream'
), gaps AS (
    UPDATE lacuna.gap AS t SET stream = :'name' FROM registration WHERE t.stream = :'stream'
), verification AS (
    UPDATE lacuna.verification AS t SET stream = :'name' FROM registration WHERE t.stream = :'stream'
), tracking AS (
    UPDATE lacuna.tracking AS t SET stream = :'name' FROM registration WHERE t.stream = :'stream'
), batches AS (
    UPDATE lacuna.batch AS t SET stream = :'name' FROM registration WHERE t.stream = :'stream'
), runs AS (
    UPDATE lacuna.run AS t SET stream = :'name' FROM registration WHERE t.stream = :'stream'
)
SELECT (SELECT pg_catalog.count(*) FROM registration) AS registrations, (SELECT number FROM others) AS others
