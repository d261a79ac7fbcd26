# shellcheck shell=bash
# Sourced by setup, demo, test, crash-test and bench, which set `root` to the project's folder.

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

# Builds a release executable, quietly: what the compiler says is shown only if it fails.
# demo and bench share this function, because another set of flags would build everything again.
build_release() {
    local log arguments began=$SECONDS
    arguments=(-c release --product "$1")
    # With the standard library inside, the executable runs where no Swift is installed. macOS has it in the system.
    [ "$(uname -s)" = Darwin ] || arguments+=(--static-swift-stdlib)
    log=$(mktemp "${TMPDIR:-/tmp}/lacuna-build.XXXXXX")
    printf 'Building %s: swift build %s\n' "$1" "${arguments[*]}" >&2
    printf 'The first time this takes some minutes.\n' >&2
    if ! swift build --package-path "${root:?}" "${arguments[@]}" >"$log" 2>&1 </dev/null; then
        cat "$log" >&2
        rm -f "$log"
        printf 'The build failed; what the compiler said is above.\n' >&2
        return 1
    fi
    rm -f "$log"
    printf 'Built in %d s.\n' $((SECONDS - began)) >&2
}
