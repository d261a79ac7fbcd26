-- Asks the index for every unit of some ranges whether it has a row.
--
-- Variables:
--   schema, table   identifiers   where the rows are
--   pieces          fragment      lacuna_piece: lacuna_lower, lacuna_upper bigint, half-open, lacuna_number bigint, and
--                                 what in_lane takes
--   in_lane         fragment      whether a row belongs to the piece's partition, or true
--   in_unit         fragment      whether a row belongs to the unit lacuna_wanted.lacuna_unit, in a form that an index serves
-- Rows: piece bigint (its number), unit bigint (missing); in no order.
--
-- psql -v schema=public -v table=readings -v in_lane=true \
--      -v pieces="(VALUES (0::bigint, 20000::bigint, 1)) AS lacuna_piece (lacuna_lower, lacuna_upper, lacuna_number)" \
--      -v in_unit="day = date '1970-01-01' + lacuna_wanted.lacuna_unit::integer" -f probe_units.sql
SELECT lacuna_piece.lacuna_number AS piece, lacuna_wanted.lacuna_unit AS unit
FROM :pieces
CROSS JOIN LATERAL pg_catalog.generate_series(lacuna_piece.lacuna_lower, lacuna_piece.lacuna_upper - 1)
    AS lacuna_wanted (lacuna_unit)
WHERE NOT EXISTS (SELECT FROM :"schema".:"table" WHERE :in_lane AND :in_unit)
