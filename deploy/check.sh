#!/usr/bin/env bash
# Tries operations with the real programs. Usage: deploy/check.sh [--short] [--list] [PART…]
#
#   deploy/check.sh                everything; takes more than an hour (the soak alone is one)
#   deploy/check.sh --short        the same parts, shortened: a quarter of an hour; CI runs some of them
#   deploy/check.sh 20-web 50      these parts only (a part's number is enough)
#   deploy/check.sh --list         which parts there are
#
# For root on a Debian or Ubuntu machine that serves nobody. Installs what it needs with apt
# (without starting any service), unless RAIOX_CHECK_INSTALL=no; what is missing then is said and
# left out. Touches no database, no bucket and no service but those that it starts itself.
#
# Every line says what was tried: "ok", "FAIL", or "NOT RUN" and why. The last lines repeat all
# that failed and all that was not run. Exit status: 0 unless something failed.
#
# RAIOX_VENV names the virtual environment (default .venv; made where there is none).
# RAIOX_CHECK_DIR keeps the logs of the parts (default: a new folder below TMPDIR).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$root"
packages="nginx-light prometheus prometheus-alertmanager iproute2 nftables iptables shellcheck
yamllint curl openssl ca-certificates logrotate fail2ban ufw systemd debootstrap procps psmisc
pgbouncer redis-server age openssh-server git"
export SHORT=0
list=""
wanted=()

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; }

while [ $# -gt 0 ]; do
    case $1 in
        --short) SHORT=1 ;;
        --list) list=yes ;;
        -h | --help)
            usage
            exit 0
            ;;
        -*)
            usage >&2
            exit 2
            ;;
        *) wanted+=("$1") ;;
    esac
    shift
done

parts() {
    local file name
    for file in deploy/check/[0-9][0-9]-*; do
        name=$(basename "$file")
        case $name in *.sh | *.py) ;; *) continue ;; esac
        is_wanted "${name%.*}" && printf '%s\n' "$file"
    done
    return 0
}

is_wanted() {
    local word
    [ ${#wanted[@]} -gt 0 ] || return 0
    for word in "${wanted[@]}"; do
        case $1 in "$word" | "$word"-*) return 0 ;; esac
    done
    return 1
}

# Installing a service must not start it: it could take a port of this machine, or open one.
forbid_starting_services() {
    [ ! -e /usr/sbin/policy-rc.d ] || return 0
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
}

install_packages() {
    local name missing=()
    for name in $packages; do
        dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' ||
            { [ "$name" = nginx-light ] && command -v nginx >/dev/null; } || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "${RAIOX_CHECK_INSTALL:-yes}" = no ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "Not installed, and not to be installed here: ${missing[*]}"
        return 0
    fi
    echo "Installing ${missing[*]}"
    forbid_starting_services
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq || echo "The list of packages could not be fetched."
    for name in "${missing[@]}"; do
        apt-get install -qq -y --no-install-recommends "$name" >/dev/null 2>"$logs/apt.log" ||
            echo "$name could not be installed: $(tail -n 1 "$logs/apt.log")"
    done
    rm -f /usr/sbin/policy-rc.d
    trap - EXIT
}

prepare_python() {
    export RAIOX_VENV=${RAIOX_VENV:-$root/.venv}
    "$RAIOX_VENV/bin/python" -c 'import django, pytest, yaml' 2>/dev/null ||
        deploy/dev.sh venv dev
    export PATH="$RAIOX_VENV/bin:$PATH" OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
}

run_part() {
    local file=$1 name status=0 limit=4h since=$SECONDS
    name=$(basename "${file%.*}")
    [ "$SHORT" = 0 ] || limit=15m
    echo "== $name"
    case $file in
        *.py) set -- "$RAIOX_VENV/bin/python" "$file" ;;
        *) set -- bash "$file" ;;
    esac
    timeout --kill-after=60 "$limit" "$@" 2>&1 | tee "$logs/$name.log" || status=$?
    [ "$status" != 124 ] || echo "FAIL $name took longer than $limit" | tee -a "$logs/$name.log"
    if [ "$status" = 0 ]; then
        summary+=("passed  $name  $((SECONDS - since)) s")
    else
        summary+=("FAILED  $name  $((SECONDS - since)) s, status $status")
        failed=yes
    fi
}

if [ -n "$list" ]; then
    parts
    exit 0
fi
mapfile -t files < <(parts)
if [ ${#files[@]} -eq 0 ]; then
    echo "No such part: ${wanted[*]}. There are:" >&2
    wanted=()
    parts >&2
    exit 2
fi
logs=${RAIOX_CHECK_DIR:-$(mktemp -d "${TMPDIR:-/tmp}/raiox-check.XXXXXX")}
mkdir -p "$logs"
[ "$(id -u)" = 0 ] || echo "Not root: what needs it will be said and left out."
install_packages
prepare_python
failed=""
summary=()
for file in "${files[@]}"; do run_part "$file"; done

echo
echo "== Summary (logs: $logs)"
printf '%s\n' "${summary[@]}"
for file in "${files[@]}"; do
    name=$(basename "${file%.*}")
    grep -hE '^(FAIL|NOT RUN) ' "$logs/$name.log" | sed "s/^/$name: /" || true
done
[ -z "$failed" ]
