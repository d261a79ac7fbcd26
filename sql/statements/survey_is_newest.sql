-- Whether no later survey of a stream is kept. Two that end at once write in the order of what they saw.
--
-- Variables:
--   stream          text
--   as_of           timestamptz   of the survey
-- Rows: one: newest boolean.
SELECT NOT EXISTS (
    SELECT FROM lacuna.survey WHERE stream = :'stream' AND as_of > :'as_of'::timestamptz
    UNION ALL
    SELECT FROM lacuna.survey_partition WHERE stream = :'stream' AND as_of > :'as_of'::timestamptz
) AS newest
