# shellcheck shell=bash
# What backup.sh and restore.sh share: where the code is, and as whom it runs.

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd -P)
cd "$root" || exit 1
# Dumps hold patients' data: nobody else reads what is written here.
umask 077
if [ -z "${RAIOX_ENV_FILE:-}" ] && [ -f /etc/raiox/raiox.env ]; then
    export RAIOX_ENV_FILE=/etc/raiox/raiox.env
    export RAIOX_VAR_DIR="${RAIOX_VAR_DIR:-/var/lib/raiox}"
fi
python=${RAIOX_VENV:-$root/.venv}/bin/python
user=${RAIOX_USER:-raiox}

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; }

# Files that root wrote the service could not read afterwards.
manage() {
    [ -x "$python" ] || {
        echo "There is no Python in $python: RAIOX_VENV names the virtual environment." >&2
        exit 1
    }
    if [ "$(id -u)" = 0 ] && [ -f "${RAIOX_ENV_FILE:-}" ] && id "$user" >/dev/null 2>&1; then
        runuser -u "$user" -- "$python" manage.py "$@"
    else
        "$python" manage.py "$@"
    fi
}
