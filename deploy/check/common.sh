# shellcheck shell=bash
# What the parts of deploy/check.sh share; each of them begins with
#
#   #!/usr/bin/env bash
#   # What is tried here, in a line or two.
#   set -euo pipefail
#   . "$(dirname "${BASH_SOURCE[0]}")/common.sh"
#
# Gives: $root (the repository, and the current folder), $work (a folder of this part, removed at
# its end), $python (of the virtual environment), $SHORT (1: shortened), and the functions below.
# A part goes on after a FAIL and ends with status 1; a command that fails unforeseen ends it.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
cd "$root" || exit 1
SHORT=${SHORT:-0}
# nginx, logrotate and others stand in /usr/sbin, which not everybody's PATH has.
export PATH="$PATH:/usr/sbin:/sbin" OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
RAIOX_VENV=${RAIOX_VENV:-$root/.venv}
if [ ! -x "$RAIOX_VENV/bin/python" ] && python3 -c 'import django' 2>/dev/null; then
    RAIOX_VENV=$(python3 -c 'import sys; print(sys.prefix)')
fi
# shellcheck disable=SC2034 # used by the parts
python=$RAIOX_VENV/bin/python
work=$(mktemp -d "${TMPDIR:-/tmp}/raiox-part.XXXXXX")
# nginx and PostgreSQL give up root and read below it.
chmod 755 "$work"
failures=0
endings=()

ok() { printf 'ok %s\n' "$*"; }

# $1: what, the rest: why
not_run() { printf 'NOT RUN %s: %s\n' "$1" "${*:2}"; }

fail() {
    printf 'FAIL %s\n' "$*"
    failures=$((failures + 1))
}

# FAIL, and the end of this part.
die() {
    fail "$@"
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# need PROGRAM WHAT: whether the program is there; says NOT RUN where it is not.
need() {
    has "$1" && return
    not_run "$2" "$1 is not installed"
    return 1
}

# try WHAT COMMAND…: ok or FAIL by its status; what it printed is shown only where it failed.
try() {
    local what=$1
    shift
    if "$@" >"$work/.try" 2>&1; then
        ok "$what"
    else
        fail "$what"
        sed 's/^/    /' "$work/.try" | tail -n "${TRY_LINES:-40}"
    fi
}

# same WHAT WANTED GOT: ok where both are the same.
same() {
    if [ "$2" = "$3" ]; then ok "$1"; else fail "$1: wanted '$2', got '$3'"; fi
}

# within SECONDS COMMAND…: repeats the command until it succeeds; fails after that time.
within() {
    local until=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.3
    done
}

# at_exit COMMAND…: run at the end of this part, the last one first, whatever happens.
at_exit() { endings+=("$(printf '%q ' "$@")"); }

# A TCP port of the loopback that nobody uses at the moment.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

finish_part() {
    local status=$? number
    trap '' INT TERM HUP
    trap - EXIT ERR
    set +e
    for ((number = ${#endings[@]} - 1; number >= 0; number--)); do
        eval "${endings[number]}" >/dev/null 2>&1
    done
    if [ -n "${RAIOX_CHECK_KEEP:-}" ]; then echo "kept: $work"; else rm -rf "$work"; fi
    [ "$failures" -eq 0 ] || status=1
    exit "$status"
}

# Inside a function of a part too: set -e alone ends it without a word.
unforeseen() { fail "ended at line $1 of $(basename "$0"): $2"; }
trap 'unforeseen "$LINENO" "$BASH_COMMAND"' ERR
trap finish_part EXIT
trap 'exit 130' INT TERM HUP
