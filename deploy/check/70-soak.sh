#!/usr/bin/env bash
# Everyday work (uploads, webhooks, Jotform, panel, API) at a steady rate, while a process of web,
# worker, decoders or PostgreSQL is killed with -9 every now and then: an hour with a kill a
# minute, or, shortened, 90 seconds with a kill every 20. RAIOX_CHECK_SOAK_RATE (requests per
# second) is 5, and 2 when shortened.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

export RAIOX_ENV=development RAIOX_ENV_FILE=/dev/null RAIOX_VAR_DIR=$work/var
at_exit "$python" -m raiox_site.embedded_postgres stop "$RAIOX_VAR_DIR/postgres"
export TRY_LINES=80

if [ "$SHORT" = 1 ]; then
    how=(--minutes 1.5 --rate "${RAIOX_CHECK_SOAK_RATE:-2}" --pause 20)
else
    how=(--rate "${RAIOX_CHECK_SOAK_RATE:-5}")
fi
"$python" manage.py try_soak "${how[@]}" >"$work/soak.txt" 2>&1 && status=0 || status=$?
cat "$work/soak.txt"
same "nothing was lost under kills (${how[*]}), and memory is flat" 0 "$status"
