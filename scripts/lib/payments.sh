# shellcheck shell=bash
# Sourced by the benchmarks after measure.sh: the table that they load, the rows for it, and how a load begins.
# shellcheck disable=SC2154

# shellcheck disable=SC2034
payments_columns='id bigint PRIMARY KEY, account text NOT NULL, amount numeric NOT NULL, kind text NOT NULL,
    created timestamptz NOT NULL, note text NOT NULL'

# Prints the query that makes $1 rows, the same on every machine.
payments_query() {
    printf '%s' "SELECT i AS id, 'account-' || i % 9973 AS account, (i::bigint * 7919 % 1000003)::numeric / 100 AS amount, " \
        "(ARRAY['card', 'cash', 'transfer'])[i % 3 + 1] AS kind, " \
        "timestamptz '2020-01-01 00:00:00+00' + i * interval '37 seconds' AS created, md5(i::text) AS note " \
        "FROM generate_series(1, $1) AS i"
}

# Writes $1 rows to the file $2, as CSV with a header.
make_payments_csv() {
    psql -q -v ON_ERROR_STOP=1 -c "\\copy ($(payments_query "$1")) TO '$2' (FORMAT csv, HEADER)"
}

# Brings the table $1 and Lacuna's evidence to the state before the first run, and the server to rest.
start_over() {
    run_sql 'DROP SCHEMA IF EXISTS lacuna CASCADE' 2>/dev/null
    run_sql "TRUNCATE public.$1"
    lacuna init >"$work/output" 2>&1 </dev/null || {
        cat "$work/output" >&2
        fail 'lacuna init failed'
    }
    run_sql 'CHECKPOINT'
}

# Fails unless the table $1 has $2 rows; $3 says who loaded it.
expect_rows() {
    local count
    count=$(psql -A -t -q -c "SELECT count(*) FROM public.$1")
    [ "$count" = "$2" ] || fail "$3 left $count rows instead of $2"
}
