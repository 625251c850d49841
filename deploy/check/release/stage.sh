# shellcheck shell=bash disable=SC2034,SC2154 # common.sh sets what is used here; 35-release.sh uses the rest
# A host in a folder: its own PostgreSQL, settings, user; and releases that are broken on purpose.

[ "$(id -u)" = 0 ] || {
    not_run "releases" "needs root"
    exit 0
}
export RAIOX_HOME=$work/opt RAIOX_ENV_FILE=$work/etc/raiox.env RAIOX_VAR_DIR=$work/var
export RAIOX_LOG_DIR=$work/log RAIOX_RELEASE_LOGS=$work/release-logs RAIOX_UP=plain RAIOX_GATE_SECONDS=60
export RAIOX_KEEP_RELEASES=20 RAIOX_KEEP_DUMPS=20
export RAIOX_SERVICES="raiox-web raiox-worker" RAIOX_STEP_SECONDS=300 PIP_EXTRA_INDEX_URL=""
PORT=$(free_port)
export PORT
unset RAIOX_ENV DATABASE_URL DATABASE_URL_FILE
mkdir -p "$work/etc"

version_of() { "$1" -c 'import sys; print("python%d.%d" % sys.version_info[:2])'; }

# The environment of this checkout, lent to the releases: for an unprivileged user where one can
# read it, on the Python of this machine where it is of the same kind. $1: Python, $2: user
lend() {
    local folder=$work/lent
    rm -rf "$folder"
    [ "$(version_of "$1")" = "$(version_of "$python")" ] || return 1
    "$1" -m venv --without-pip "$folder"
    lent=$folder/lib/$(version_of "$1")/site-packages
    "$python" -c 'import django, pathlib; print(pathlib.Path(django.__file__).parent.parent)' \
        >"$lent/lent.pth"
    # Before 3.11.3 redis needs one package more.
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11, 3))' || "$python" -m pip install -q \
        --no-deps --target "$lent" "$(grep '^async-timeout==' deploy/constraints.txt)"
    setpriv --reuid="$2" --regid="$(id -g "$2")" --clear-groups "$folder/bin/python" \
        -c 'import django, torch, redis'
}
own=$("$python" -c 'import os, sys; print(os.path.realpath(sys.executable))')
for choice in "/usr/bin/python3 nobody" "$own nobody" "$own root"; do
    RAIOX_PYTHON=${choice% *} user=${choice#* }
    ! lend "$RAIOX_PYTHON" "$user" >/dev/null 2>&1 || break
done
export RAIOX_PYTHON RAIOX_USER=$user

as_service() { setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@" 2>/dev/null; }

lend_venv() {
    local venv
    venv=$RAIOX_HOME/venvs/$(deploy/release.sh venv-hash)
    mkdir -p "$RAIOX_HOME/venvs"
    mv "$work/lent" "$venv"
    touch "$venv/.complete"
}

start_database() {
    database=$(env RAIOX_ENV=test "$python" -m raiox_site.embedded_postgres url "$work/postgres")
    at_exit "$python" -m raiox_site.embedded_postgres stop "$work/postgres"
    # Its socket stands in its folder, which it wants closed only when it starts.
    chmod 711 "$work/postgres"
}

write_settings() {
    local key
    key=$("$python" -c 'import secrets; print(secrets.token_urlsafe(48))')
    install -m 640 -g "$(id -g "$user")" /dev/null "$RAIOX_ENV_FILE"
    cat >"$RAIOX_ENV_FILE" <<SETTINGS
RAIOX_ENV=staging
SECRET_KEY=$key
ALLOWED_HOSTS=raiox.example.org
DATABASE_URL=$database
RAIOX_ENCODER=raiox-fixture/bundled
RAIOX_WORKERS=1
PORT=$PORT
SETTINGS
    install -d -o "$user" "$RAIOX_VAR_DIR"
}

sql() {
    "$python" - "$database" "$1" <<'PY'
import sys
import psycopg2
connection = psycopg2.connect(sys.argv[1])
connection.autocommit = True
cursor = connection.cursor()
cursor.execute(sys.argv[2])
rows = cursor.fetchall() if cursor.description else []
print("\n".join("" if row[0] is None else str(row[0]) for row in rows))
PY
}

# Releases.

release() {
    status=0
    deploy/release.sh "$@" >"$work/said" 2>&1 || status=$?
    cat "$work/said" >>"$work/releases.log"
}

release_in_background() {
    setsid deploy/release.sh "$@" >"$work/said" 2>&1 &
    background=$!
}

said() { grep -qF -- "$1" "$work/said"; }
phase_is() { grep -qx "phase=$1" "$RAIOX_HOME/releasing"; }
# The phase is written down before it begins.
is_migrating() { grep -q 'Applying raiox_site.*_trial' "$RAIOX_RELEASE_LOGS/release-$1.log"; }
lock_is_free() { flock -n "$RAIOX_HOME/.lock" true; }
current() { basename "$(readlink -f "$RAIOX_HOME/current")"; }

# Only the script, as the kernel would: what it has begun goes on without it.
kill_nine() {
    kill -9 "$background"
    wait "$background" 2>/dev/null || true
}

expect_status() {
    if [ "$2" = "$status" ]; then
        ok "$1"
    else
        fail "$1: status $status instead of $2"
        sed 's/^/    /' "$work/said" | tail -n 25
    fi
}

expect_said() {
    if said "$1"; then
        ok "  and says: $1"
    else
        fail "it does not say: $1"
        sed 's/^/    /' "$work/said" | tail -n 25
    fi
}

answering() { curl -sS --max-time 10 "http://127.0.0.1:$PORT/healthcheck" 2>&1; }
answers_as() { answering | grep -qF "+$1\""; }

expect_running() {
    if within 20 answers_as "$1" && [ "$(current)" = "$1" ]; then
        ok "  $1 answers"
    else
        fail "$1 should run, but current is $(current), and who answers says $(answering)"
    fi
}

begin_polling() {
    "$python" deploy/check/release/poll.py "$PORT" "$work/poll.log" &
    poller=$!
    at_exit kill "$poller"
    : >>"$work/poll.log"
    seen=$(wc -l <"$work/poll.log")
}

begin_systemd() {
    mkdir "$work/bin"
    printf '#!/bin/sh\nexec %s %s %s "$@"\n' "$python" "$root/deploy/check/release/systemd_stand_in.py" \
        "$work/control" >"$work/bin/systemctl"
    chmod +x "$work/bin/systemctl"
    usual_path=$PATH
    export PATH="$work/bin:$PATH" RAIOX_INIT=systemd
    "$python" deploy/check/release/systemd_stand_in.py serve "$work/control" "$user" \
        /opt/raiox="$RAIOX_HOME" /etc/raiox/raiox.env="$RAIOX_ENV_FILE" \
        /var/lib/raiox="$RAIOX_VAR_DIR" 127.0.0.1:8000=127.0.0.1:"$PORT" >"$work/systemd.log" 2>&1 &
    standin=$!
    at_exit wait "$standin"
    at_exit kill "$standin"
    within 10 test -S "$work/control"
}

end_systemd() {
    kill "$poller" "$standin"
    wait "$standin" || true
    export PATH=$usual_path RAIOX_INIT=plain
}

runner() { cut -d : -f 1 "$RAIOX_VAR_DIR/run/supervisord.pid"; }

# refused_meanwhile WHAT [LIMIT]: how many requests failed since the last call.
refused_meanwhile() {
    local line failed
    line=$(tail -n "+$((seen + 1))" "$work/poll.log" | awk '
        { n++; if ($2 > slowest) slowest = $2 }
        $3 != "ok" { bad++; if (!since) since = $1; until = $1; next }
        { if (since && until - since > gap) gap = until - since; since = 0 }
        END { if (since && until - since > gap) gap = until - since
              printf "%d of %d requests failed, longest gap %.1f s, slowest answer %.1f s", bad, n, gap, slowest / 1000 }')
    seen=$(wc -l <"$work/poll.log")
    failed=${line%% *}
    if [ -n "${2:-}" ] && [ "$failed" -gt "$2" ]; then
        fail "during $1: $line"
    else
        ok "during $1: $line"
    fi
}

# variant NAME CHANGE…: a tar of this checkout with changes.
variant() {
    local name=$1 change folder=$work/variant
    shift
    rm -rf "$folder"
    mkdir "$folder"
    tar -C "$folder" -xf "$work/good.tar"
    for change in "$@"; do (cd "$folder" && "$change"); done
    tar -C "$folder" -cf "$work/$name.tar" .
}

change_nothing() { :; }
crash_at_start() { echo 'raise RuntimeError("broken on purpose")' >>raiox_site/wsgi.py; }
crash_under_systemd() {
    printf 'import os\nif "MALLOC_ARENA_MAX" in os.environ: raise RuntimeError("broken on purpose")\n' \
        >>raiox_site/wsgi.py
}
break_worker() {
    sed -i 's/^class Command/raise RuntimeError("broken on purpose")\n\nclass Command/' \
        raiox_site/management/commands/worker.py
}
be_red() { printf '\nparts.is_ok = lambda part: False\n' >>raiox_site/health.py; }

# migration PROMISE OPERATION: one more of the app raiox_site.
migration() {
    local before
    before=$(basename "$(find raiox_site/migrations -name '0*.py' | sort | tail -n 1)" .py)
    cat >"raiox_site/migrations/$(printf '%04d' $((10#${before%%_*} + 1)))_trial.py" <<PY
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("raiox_site", "$before")]
    old_code_lives_with_it = $1
    operations = [$2]
PY
}
add_table() { migration True 'migrations.RunSQL("CREATE TABLE trial_table (number int)")'; }
add_removal() {
    add_table
    migration False 'migrations.RunSQL("DROP TABLE trial_table")'
}
add_failing_migration() {
    add_table
    migration True 'migrations.RunSQL("CREATE TABLE trial_half (number int)"), migrations.RunSQL("SELECT 1 / 0")'
}
add_slow_migration() {
    add_table
    migration True 'migrations.RunSQL("SELECT pg_sleep(40)")'
}

up() { env -u RAIOX_VENV RAIOX_FOLLOW=no "$RAIOX_HOME/current/deploy/up.sh" "$@"; }
up_status() {
    local status=0
    up "$@" >"$work/up" 2>&1 || status=$?
    printf '%s\n' "$status"
}

git -c safe.directory='*' ls-files -z -co --exclude-standard |
    while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
    tar --null -T - -cf "$work/good.tar"
lend_venv
start_database
write_settings
at_exit up down
