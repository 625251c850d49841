# shellcheck shell=bash disable=SC2154 # up.sh sets what is used here
# Plain processes, kept alive by supervisord as in `make run`.

export RAIOX_ENV_FILE=${RAIOX_ENV_FILE:-/etc/raiox/raiox.env}
[ -f "$RAIOX_ENV_FILE" ] || RAIOX_ENV_FILE=$root/.env
python=${RAIOX_VENV:-$root/.venv}/bin/python
drop=() owner=()
everything=(worker web)

prepare() {
    [ -x "$python" ] || fail "There is no $python. Make it: deploy/dev.sh venv run"
    eval "$(how_to_run)"
    export RAIOX_VAR_DIR=${RAIOX_VAR_DIR:-$root/var} HOST=${HOST:-127.0.0.1} PORT=${PORT:-8000}
    export RAIOX_RUN_DIR=$RAIOX_VAR_DIR/run RAIOX_LOG_DIR=${RAIOX_LOG_DIR:-$RAIOX_VAR_DIR/log}
    export RAIOX_DATABASE_DIR=$RAIOX_VAR_DIR/postgres RAIOX_VENV_PYTHON=$python
    export TZ=${TIME_ZONE:-America/Sao_Paulo} PYTHONUNBUFFERED=1 MALLOC_ARENA_MAX=2
    export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} MKL_NUM_THREADS=${MKL_NUM_THREADS:-1}
    wanted=$RAIOX_RUN_DIR/wanted
    RAIOX_CONTROL=$(short_name "$RAIOX_RUN_DIR/supervisor.sock")
    export RAIOX_CONTROL
    give_up_root
}

# Of the file only what says how to run: secrets stay in it, where the settings read them. What
# the environment sets wins, as in the settings.
how_to_run() {
    "$python" - "$RAIOX_ENV_FILE" <<'PY'
import os, shlex, sys
import environ

class File(environ.Env):
    ENVIRON = {}

File.read_env(sys.argv[1]) if os.path.isfile(sys.argv[1]) else None
known = {**File.ENVIRON, **os.environ}
for name in ("HOST", "PORT", "RAIOX_WEB_PROCESSES", "TIME_ZONE", "RAIOX_VAR_DIR", "RAIOX_LOG_DIR"):
    if known.get(name):
        print(f"export {name}={shlex.quote(known[name])}")
named = any(known.get(name) for name in ("DATABASE_URL", "DATABASE_URL_FILE", "DB_HOST"))
print(f"export RAIOX_EMBEDDED={'false' if named else 'true'}")
PY
}

# A socket's name may have 108 bytes at most.
short_name() {
    if [ ${#1} -lt 90 ]; then
        printf '%s\n' "$1"
    else
        printf '/tmp/raiox-%s/supervisor.sock\n' "$(printf '%s' "$1" | sha256sum | cut -c 1-12)"
    fi
}

give_up_root() {
    local user=${RAIOX_USER:-raiox} group
    if [ "$(id -u)" = 0 ] && [ "$user" != root ] && group=$(id -g "$user" 2>/dev/null); then
        drop=(setpriv "--reuid=$user" "--regid=$group" --init-groups --)
        owner=(-o "$user" -g "$group")
    fi
    make_folder 751 "$RAIOX_VAR_DIR"
    make_folder 700 "$RAIOX_RUN_DIR"
    make_folder 700 "$(dirname "$RAIOX_CONTROL")"
    make_folder 750 "$RAIOX_LOG_DIR"
}

# One that is there stays as it is.
make_folder() {
    [ -d "$2" ] || install -d -m "$1" ${owner[@]+"${owner[@]}"} "$2"
}

manage() { ${drop[@]+"${drop[@]}"} env HOME="$RAIOX_VAR_DIR" "$python" manage.py "$@"; }
control() { "${drop[@]}" "$python" -m supervisor.supervisorctl -c deploy/up/supervisord.conf "$@"; }
is_running() { control pid >/dev/null 2>&1; }

# $1: seconds to wait, the rest: the condition
wait_for() {
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.2
    done
}

start() {
    local as_root=()
    "${drop[@]}" "$python" -m raiox_site.processes end-run "$RAIOX_RUN_DIR" >/dev/null
    [ "$(id -u)" != 0 ] || [ ${#drop[@]} -gt 0 ] || as_root=(--user=root)
    # A session of its own: it outlives this shell and its terminal.
    setsid "${drop[@]}" env HOME="$RAIOX_VAR_DIR" "$python" -m supervisor.supervisord \
        -c deploy/up/supervisord.conf "${as_root[@]}" </dev/null >>"$RAIOX_LOG_DIR/start.log" 2>&1 &
    wait_for 30 is_running || fail "The process runner does not start; see $RAIOX_LOG_DIR/start.log"
}

end_all() {
    local runner
    if runner=$(control pid 2>/dev/null); then
        control shutdown >/dev/null
        # The worker may finish what it holds, and PostgreSQL its checkpoint.
        wait_for 180 has_ended "$runner" || fail "The processes do not end; see $RAIOX_LOG_DIR"
    fi
    "${drop[@]}" "$python" -m raiox_site.processes end-run "$RAIOX_RUN_DIR" >/dev/null
}

has_ended() { [ ! -d "/proc/$1" ] || grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null; }

do_up() {
    prepare
    touch "$wanted"
    ! is_running || { echo "It runs already."; return; }
    manage migrate --noinput -v 0
    manage createcachetable -v 0
    manage collectstatic --noinput -v 0
    manage prepare_networks
    start
    echo "Started; up.sh status says how it does."
}

do_keep() {
    prepare
    [ ! -e "$wanted" ] || is_running || start
}

do_down() {
    prepare
    rm -f "$wanted"
    end_all
    echo "Stopped."
}

# A new process runner too: the one that runs stands in the folder of the release that started it.
do_restart() {
    prepare
    touch "$wanted"
    # What is asked for is started: where nothing ran, all of it is.
    if is_running && [ $# -gt 0 ] && [ "$(runner_folder)" = "$root" ]; then
        control restart "$@"
    else
        end_all
        start
    fi
}

runner_folder() { readlink "/proc/$(control pid)/cwd"; }

do_stop() {
    prepare
    ! is_running || control stop "${@:-${everything[@]}}"
}

do_status() {
    prepare
    local status=0
    is_running || fail "It does not run."
    control status || true
    "$python" - "$HOST" "$PORT" <<'PY' || status=1
import http.client, sys
host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(sys.argv[1], sys.argv[1])
try:
    connection = http.client.HTTPConnection(host, int(sys.argv[2]), timeout=10)
    connection.request("GET", "/health")
    answer = connection.getresponse()
    print(f"/health {answer.status}: {answer.read(5000).decode()}")
    sys.exit(answer.status != 200)
except OSError as error:
    print(f"/health does not answer: {error}")
    sys.exit(1)
PY
    return "$status"
}

do_logs() {
    prepare
    local files=() name follow=(-F)
    [ $# -gt 0 ] || set -- web worker
    for name in "$@"; do files+=("$RAIOX_LOG_DIR/$name.log"); done
    [ "${RAIOX_FOLLOW:-yes}" != no ] || follow=()
    exec tail -n "${RAIOX_LOG_LINES:-100}" "${follow[@]}" "${files[@]}"
}

do_manage() {
    prepare
    manage "$@"
}
