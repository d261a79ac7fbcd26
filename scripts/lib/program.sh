# shellcheck shell=bash
# Sourced by docs and check-docs, which set `root` to the project's folder.

# Prints the path of the program that the documents are held against.
lacuna_program() {
    local candidate
    for candidate in "${LACUNA:-}" "${root:?}/.build/release/lacuna" "$root/.build/debug/lacuna"; do
        if [ -n "$candidate" ] && [ -x "$candidate" ]; then
            printf '%s/%s\n' "$(cd "$(dirname "$candidate")" && pwd -P)" "$(basename "$candidate")"
            return 0
        fi
    done
    printf 'no program to ask: build one with swift build --product lacuna, or name one in LACUNA\n' >&2
    return 1
}
