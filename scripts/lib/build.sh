# shellcheck shell=bash
# Sourced by every script that builds, and by setup. They set `root` to the project's folder.

# Lets SwiftPM find libpq where Homebrew keeps it: apart from the system's own folders, so that pkg-config is not
# told of it by itself.
export_libpq_path() {
    [ "$(uname -s)" = Darwin ] || return 0
    local directory
    for directory in /opt/homebrew/opt/libpq /usr/local/opt/libpq /opt/homebrew/opt/postgresql* /usr/local/opt/postgresql*; do
        if [ -e "$directory/lib/pkgconfig/libpq.pc" ]; then
            export PKG_CONFIG_PATH="$directory/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
            return 0
        fi
    done
}

# Runs until it is stopped, or this script is gone: tells how far the build is that writes to the log $1. At a terminal it
# shows the last line of the compiler in place, elsewhere it prints that line every 20 seconds.
tell_progress() {
    local seconds=0 last width
    width=$(tput cols 2>/dev/null) || width=80
    # Not even the end of a script waits for this sleep.
    while sleep 1 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
        seconds=$((seconds + 1))
        last=$(tail -n 1 "$1" 2>/dev/null) || true
        last="  $seconds s: $last"
        if [ -t 2 ]; then
            printf '\r\033[K%s' "${last:0:width-1}" >&2
        elif [ $((seconds % 20)) -eq 0 ]; then
            printf '%s\n' "$last" >&2
        fi
    done
}

# Runs swift build with the arguments after $1, which names what is built. While it runs it says how far it is. What the
# compiler says is shown if the build fails; if not, the warnings are.
build() {
    local what=$1 began=$SECONDS log teller status=0
    shift
    log=$(mktemp "${TMPDIR:-/tmp}/lacuna-build.XXXXXX")
    printf 'Building %s: swift build %s\n' "$what" "$*" >&2
    printf 'The first time this takes some minutes.\n' >&2
    tell_progress "$log" </dev/null >/dev/null &
    teller=$!
    # In the foreground, so that Ctrl-C reaches it.
    swift build "$@" >"$log" 2>&1 </dev/null || status=$?
    kill "$teller" 2>/dev/null || true
    wait "$teller" 2>/dev/null || true
    [ ! -t 2 ] || printf '\r\033[K' >&2
    if [ "$status" -eq 0 ]; then
        grep -E '^/.*/(Sources|Tests|sql)/.*: warning: ' "$log" | grep -v '/checkouts/' | sort -u >&2 || true
        printf 'Built in %d s.\n' $((SECONDS - began)) >&2
    else
        cat "$log" >&2
        printf 'The build failed; what the compiler said is above.\n' >&2
    fi
    rm -f "$log"
    return "$status"
}

# Builds a release executable. All scripts share this function, because another set of flags would build everything again.
build_release() {
    local arguments=(-c release --product "$1")
    # With the standard library inside, the executable runs where no Swift is installed. macOS has it in the system.
    # Then no library lies beside the executable, and none is looked for there.
    [ "$(uname -s)" = Darwin ] || arguments+=(--static-swift-stdlib --disable-local-rpath)
    build "$1" --package-path "${root:?}" "${arguments[@]}"
}
