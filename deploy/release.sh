#!/usr/bin/env bash
# Puts a release of Raiox AI beside the running one, and switches to it. On the host, as root.
#
#   release.sh deploy [--name NAME] [--contract] [SOURCE]
#       SOURCE: a folder with the code (default: the one of this script), a .tar or .tar.gz of it,
#       or - (such a file on standard input). Unpacks, installs, checks, dumps the database,
#       migrates, tries the new code on a port of its own, switches, restarts, and asks /health
#       whether the new code answers. When it does not, the code before comes back by itself.
#       --contract allows migrations that the running code cannot live with: the service stands
#       still meanwhile, and the database is restored too when the new code fails.
#   release.sh rollback [--to NAME] [--database DUMP --yes]
#       Back to the release before (or NAME). --database also restores a dump of `dumps`: all that
#       was written since is lost from the database, which is itself dumped first.
#   release.sh recover     what a killed release left behind; every deploy and rollback begins so
#   release.sh status      which release runs and whether it is healthy
#   release.sh list        releases, the running one marked
#   release.sh dumps       dumps made before migrations, newest first
#   release.sh venv-hash [FOLDER]   the name of the virtual environment that a release needs
#
# Rule for migrations: a release only adds (expand); what the code before still uses goes away one
# release later (contract). `manage.py check_migrations` refuses the rest without --contract.
#
# RAIOX_HOME (/opt/raiox), RAIOX_ENV_FILE (/etc/raiox/raiox.env), RAIOX_VAR_DIR (/var/lib/raiox),
# RAIOX_USER (raiox), RAIOX_SERVICES ("raiox-web raiox-worker", as far as this host has them),
# RAIOX_INIT (systemd or plain; found out), RAIOX_GATE_URL (http://127.0.0.1:$PORT),
# RAIOX_GATE_SECONDS (120), RAIOX_KEEP_RELEASES (5), RAIOX_KEEP_DUMPS (5, none older than
# RAIOX_KEEP_DUMP_DAYS, 30), RAIOX_MIGRATE=no (further hosts: the first one migrates),
# RAIOX_RELEASE_LOGS (/var/log/raiox: release-NAME.log).
# /etc/raiox/release.env may set them. Exit status: 1 failed (and taken back), 2 wrong usage,
# 75 another release is at work.
set -euo pipefail
shopt -s inherit_errexit

script=$(readlink -f "${BASH_SOURCE[0]}")
library=$(dirname "$script")/release

main() {
    local action=${1:-}
    [ $# -eq 0 ] || shift
    case $action in
        deploy)
            one_at_a_time
            deploy "$@"
            ;;
        rollback)
            one_at_a_time
            rollback "$@"
            ;;
        recover)
            one_at_a_time
            recover
            ;;
        status) show_status ;;
        list) list_releases ;;
        dumps) list_dumps ;;
        venv-hash) venv_hash "${1:-$(dirname "$(dirname "$script")")}" ;;
        -h | --help | help) usage ;;
        *)
            usage >&2
            exit 2
            ;;
    esac
}

# shellcheck source=release/common.sh
. "$library/common.sh"
# shellcheck source=release/services.sh
. "$library/services.sh"
# shellcheck source=release/database.sh
. "$library/database.sh"
# shellcheck source=release/steps.sh
. "$library/steps.sh"
# shellcheck source=release/deploy.sh
. "$library/deploy.sh"
main "$@"
