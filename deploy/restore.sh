#!/usr/bin/env bash
# Restores a backup. Usage: deploy/restore.sh [--backup NAME] [--replace DATABASE | --into DATABASE]
#
#   deploy/restore.sh                     the latest backup, where the database is gone or empty
#   deploy/restore.sh --replace raiox     in the place of a living database, which must be named;
#                                         it is kept under another name, never deleted
#   deploy/restore.sh --backup 20260131   another backup than the latest (deploy/backup.sh --list)
#   deploy/restore.sh --into look         only into a new database `look`: nothing is swapped
#
# The dump is restored into a new database and compared with what was written down of it; what was
# erased since is erased again; only then it is put in place, and missing films are brought back
# from their copies. Web and worker are stopped before (and nginx answers 502), and started again
# once it is in place; where there is no systemd, stop them yourself (deploy/up.sh, deploy/dev.sh).
# When it fails they stay as they were: nothing has changed.
#
# Exit status: 0 restored; 1 not, and the database is what it was.
set -euo pipefail
# shellcheck source=backup/common.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/backup/common.sh"

stopped=()

stop_services() {
    local unit
    [ -d /run/systemd/system ] || return 0
    for unit in raiox-web.socket raiox-web.service raiox-worker.service; do
        if systemctl is-active --quiet "$unit"; then
            systemctl stop "$unit"
            stopped+=("$unit")
        fi
    done
}

start_services() {
    [ ${#stopped[@]} -eq 0 ] || systemctl start "${stopped[@]}"
}

case " $* " in
    *" --help "* | *" -h "*)
        usage
        exit 0
        ;;
    *" --into "* | *" --into="*) ;;
    *)
        trap start_services EXIT
        stop_services
        ;;
esac
manage restore_backup "$@"
case " $* " in *" --into "* | *" --into="*) exit 0 ;; esac
cat <<'TEXT'
Next: deploy/README.md, "Restore", says what only people can do (accounts, cases decided since the
dump). Fetch what came in since: manage.py jotform_sync, and then manage.py erase_again.
TEXT
