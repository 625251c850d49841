#!/usr/bin/env bash
# Raiox AI on a machine without systemd: in containers where Docker is, else as plain processes.
# Where install.sh has set systemd up, the same words for that.
#
#   up.sh up                 start (containers: build, migrate first); does no harm when it runs
#   up.sh down               stop; data stay
#   up.sh restart [WHAT…]    web, worker (containers: any service of compose.yaml)
#   up.sh stop [WHAT…]
#   up.sh status             what runs, and whether /health is well; exit status 1 if not
#   up.sh logs [WHAT…]       the last lines, and what comes (RAIOX_LOG_LINES=100, RAIOX_FOLLOW=no)
#   up.sh manage ARGUMENT…   manage.py, such as: up.sh manage createsuperuser
#   up.sh keep               start again what `up` started and what has died, but nothing after
#                            `down`. For cron, also at boot: * * * * * /opt/raiox/current/deploy/up.sh keep
#   up.sh compose ARGUMENT…  Docker Compose with our file, for all the rest
#
# RAIOX_UP=compose, plain or systemd chooses. Settings stand in RAIOX_ENV_FILE (/etc/raiox/raiox.env, else
# .env), secrets for containers as files in RAIOX_SECRETS (/etc/raiox/secrets; docker/compose.yaml
# says which). Plain processes run as RAIOX_USER (raiox, where there is such a user and this is
# root), with data in RAIOX_VAR_DIR and logs in RAIOX_LOG_DIR (RAIOX_VAR_DIR/log).
set -euo pipefail
shopt -s inherit_errexit

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$root"

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; }
fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

main() {
    local action=${1:-}
    [ $# -eq 0 ] || shift
    case $action in
        up | down | restart | stop | status | logs | manage | keep) ;;
        compose) RAIOX_UP=compose ;;
        -h | --help | help) usage && exit ;;
        *) usage >&2 && exit 2 ;;
    esac
    # shellcheck source=up/systemd.sh
    # shellcheck source=up/compose.sh
    # shellcheck source=up/plain.sh
    . "deploy/up/$(way).sh"
    "do_$action" "$@"
}

way() {
    case ${RAIOX_UP:-} in
        compose | plain | systemd) printf '%s\n' "$RAIOX_UP" ;;
        "")
            if [ -d /run/systemd/system ] && [ -e /etc/systemd/system/raiox-worker.service ]; then
                echo systemd
            elif docker compose version >/dev/null 2>&1; then
                echo compose
            else
                echo plain
            fi
            ;;
        *) fail "RAIOX_UP must be compose, plain or systemd, not $RAIOX_UP" ;;
    esac
}

main "$@"
