# shellcheck shell=bash
# Sourced by the benchmarks, which set `work` to a folder of their own and have a `fail`.
# shellcheck disable=SC2154

run_sql() {
    psql -q -v ON_ERROR_STOP=1 -c "$1" >/dev/null
}

# Prints the wall time of a command in milliseconds. bash's own `time` starts no process that would be measured too.
wall_time() {
    local TIMEFORMAT=%3R LC_ALL=C seconds
    # The outer braces catch what `time` prints, the inner redirection what the command prints.
    seconds=$({ time "$@" >"$work/output" 2>&1 </dev/null; } 2>&1) || {
        cat "$work/output" >&2
        fail "failed: $*"
    }
    awk -v seconds="$seconds" 'BEGIN { printf "%.0f\n", seconds * 1000 }'
}

# How the peak of the resident memory can be told here.
if /usr/bin/time -f %M true >/dev/null 2>&1; then
    memory_by=gnu
elif /usr/bin/time -l true >/dev/null 2>&1; then
    memory_by=bsd
elif python3 -c 'import resource' >/dev/null 2>&1; then
    memory_by=python
else
    memory_by=''
fi

# Runs a command and prints the peak of its resident memory in kB.
peak_memory() {
    local status=0
    case $memory_by in
        gnu) /usr/bin/time -f %M -o "$work/memory" "$@" >"$work/output" 2>&1 </dev/null || status=$? ;;
        bsd) /usr/bin/time -l "$@" >"$work/output" 2>&1 </dev/null || status=$? ;;
        python)
            python3 - "$work/memory" "$@" >"$work/output" 2>&1 </dev/null <<'PYTHON' || status=$?
import resource, subprocess, sys
status = subprocess.call(sys.argv[2:], stdin=subprocess.DEVNULL)
kilobytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
open(sys.argv[1], "w").write(str(kilobytes))
sys.exit(status)
PYTHON
            ;;
    esac
    [ "$status" -eq 0 ] || {
        cat "$work/output" >&2
        fail "failed: $*"
    }
    case $memory_by in
        bsd) awk '/maximum resident set size/ { printf "%d\n", $1 / 1024 }' "$work/output" ;;
        *) tail -n 1 "$work/memory" ;;
    esac
}

# Prints the median, the least and the greatest of the numbers in the file $1.
summary() {
    sort -n "$1" | awk '
        { value[NR] = $1 }
        END {
            middle = NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2
            print middle, value[1], value[NR]
        }'
}

# Prints $1 if the number $2 is at most $3, and otherwise that the target was missed.
judged() {
    awk -v text="$1" -v value="$2" -v target="$3" 'BEGIN { print text (value <= target ? "" : "  MISSED") }'
}

# Prints a line of the results: what it is, median, least, greatest, ratio, target. One that starts with blanks is part of the
# one before. The line without a name is the head of a table.
line() {
    printf '%-34s %10s %10s %10s   %-8s %s\n' "$@"
    [ -z "$1" ] || printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$@" >>"$work/lines"
}

# Writes the lines that were printed to the file $1 as JSON, after the members $2.
write_json() {
    awk -F '\t' -v members="$2" '
        function text(value) {
            gsub(/\\/, "&&", value)
            gsub(/"/, "\\\\&", value)
            return "\"" value "\""
        }
        function number(value) { return value == "" ? "null" : value }
        BEGIN { printf "{\n  %s,\n  \"results\": [", members }
        {
            name = $1
            if (sub(/^ +/, "", name)) name = parent ": " name
            else parent = name
            missed = sub(/ +MISSED$/, "", $6) ? "true" : "false"
            printf "%s\n    {\"name\": %s, \"median\": %s, \"min\": %s, \"max\": %s, \"ratio\": %s, \"target\": %s, \"missed\": %s}",
                (NR > 1 ? "," : ""), text(name), number($2), number($3), number($4),
                ($5 == "" ? "null" : text($5)), ($6 == "" ? "null" : text($6)), missed
        }
        END { print "\n  ]\n}" }' "$work/lines" >"$1"
    printf '\nWritten to %s\n' "$1"
}
