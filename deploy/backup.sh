#!/usr/bin/env bash
# Backs the database and new films up, and reads the dump back. Usage: deploy/backup.sh [OPTION…]
#
#   deploy/backup.sh           back up now (raiox-backup.timer does it nightly)
#   deploy/backup.sh --list    which backups there are
#   deploy/backup.sh --accept  count this one as good, though it holds far less than the one before
#   deploy/backup.sh --drill [--json]   restore the latest one into a scratch database, and report
#   deploy/backup.sh --bucket  set the bucket up (versions, lifecycle), and say what it can
#
# For root (then everything is done by the user raiox) or that user. Where to: RAIOX_BACKUP_BUCKET
# and its key, else a folder of this machine. RAIOX_ENV_FILE names the settings
# (/etc/raiox/raiox.env where that is there), RAIOX_VENV the virtual environment.
#
# Exit status: 0 good; 1 failed, and staff was told; 2 stored, but the numbers look wrong; 75
# another one is at work.
set -euo pipefail
# shellcheck source=backup/common.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/backup/common.sh"

case ${1:-} in
    -h | --help) usage ;;
    --drill)
        shift
        manage restore_drill "$@"
        ;;
    --bucket)
        shift
        manage backup_bucket "$@"
        ;;
    *) manage backup "$@" ;;
esac
