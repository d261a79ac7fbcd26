-- Ends every statement that takes longer, until the transaction or savepoint ends. A shorter limit that is set stays.
--
-- Variables:
--   milliseconds    integer       how long a statement may take
-- Rows: none or one, of no meaning.
SELECT pg_catalog.set_config('statement_timeout', :'milliseconds'::integer::text, true)
WHERE pg_catalog.current_setting('statement_timeout')::interval = interval '0'
    OR pg_catalog.current_setting('statement_timeout')::interval > :'milliseconds'::integer * interval '1 millisecond'
