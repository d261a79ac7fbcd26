# shellcheck shell=bash
# Sourced by setup and with-postgres: finds the PostgreSQL servers that are installed on this machine.

# The oldest PostgreSQL that has the multiranges which Lacuna's arithmetic rests on.
# Used by the scripts that source this file.
# shellcheck disable=SC2034
oldest_supported_postgres=14

# Prints the major version of the server in the directory $1, or fails if there is no complete server there.
postgres_major() {
    [ -x "$1/postgres" ] && [ -x "$1/initdb" ] && [ -x "$1/pg_ctl" ] || return 1
    # "postgres (PostgreSQL) 17.2 (Debian …)", "postgres (PostgreSQL) 18beta1"
    "$1/postgres" --version 2>/dev/null | sed -n 's/^[^)]*) *\([0-9][0-9]*\).*/\1/p'
}

# Prints the directory of the newest installed server; with $1, of the newest one that has this major version.
# LACUNA_POSTGRES_BIN names a directory that is taken instead of all others.
# Package managers keep servers out of PATH, so their usual places are looked at too.
postgres_bin_directory() {
    local wanted=${1:-} directory major newest=0 found='' in_path='' configured=''
    if [ -n "${LACUNA_POSTGRES_BIN:-}" ]; then
        printf '%s\n' "$LACUNA_POSTGRES_BIN"
        return
    fi
    in_path=$(type -P pg_ctl || true)
    configured=$(pg_config --bindir 2>/dev/null || true)
    for directory in \
        "${in_path%/*}" \
        "$configured" \
        /usr/lib/postgresql/*/bin \
        /usr/pgsql-*/bin \
        /opt/homebrew/opt/postgresql*/bin \
        /usr/local/opt/postgresql*/bin \
        /home/linuxbrew/.linuxbrew/opt/postgresql*/bin \
        /Applications/Postgres.app/Contents/Versions/*/bin \
        /usr/local/pgsql/bin; do
        [ -n "$directory" ] || continue
        major=$(postgres_major "$directory") || continue
        [ -n "$major" ] || continue
        [ -z "$wanted" ] || [ "$major" -eq "$wanted" ] || continue
        if [ "$major" -gt "$newest" ]; then
            newest=$major
            found=$directory
        fi
    done
    [ -n "$found" ] && printf '%s\n' "$found"
}
