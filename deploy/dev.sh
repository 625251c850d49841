#!/usr/bin/env bash
# Everything that `make` can do, also without make. Usage: deploy/dev.sh run|test|gate|lint|audit|stop|venv|browser
#
#   run      start the whole system on this machine (PORT, HOST, RAIOX_WEB_PROCESSES)
#   test     the test suite on the embedded PostgreSQL, with coverage; arguments go to pytest
#   gate     whether the bundled encoder still names phantoms as well as in the baseline, which
#            --write-baseline writes anew
#   lint     ruff, mypy, makemigrations --check, the API description
#   audit    bandit on our code, pip-audit on what it uses. Where the list of known holes cannot
#            be reached, the latter is skipped and said; RAIOX_AUDIT=required makes that a failure
#   stop     end what `run` started, or left behind
#   venv     only create and fill the virtual environment
#   browser  install what the tests in a browser need (Chromium, axe-core); CHROMIUM names one
#
# RAIOX_PYTHON names the interpreter, RAIOX_VENV another place for the virtual environment.
# pip's own variables are honoured: the default torch wheel for Linux brings CUDA along; a CPU
# wheel from an index or a folder named in PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS is far smaller.
#
# Written for bash 3.2, which macOS still ships.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$root"
venv=${RAIOX_VENV:-$root/.venv}
python=$venv/bin/python
interrupted=""
interrupted_status=130

say() { printf '%s\n' "$@"; }
fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

is_recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    local candidate
    if [ -n "${RAIOX_PYTHON:-}" ]; then
        is_recent "$RAIOX_PYTHON" || fail "RAIOX_PYTHON=$RAIOX_PYTHON is not a Python >= 3.11."
        say "$RAIOX_PYTHON"
        return
    fi
    for candidate in python3 python3.13 python3.12 python3.11 python3.14 python; do
        if is_recent "$candidate"; then
            say "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is needed and was not found. Install it, or name it in RAIOX_PYTHON."
}

requirements_hash() {
    "$1" - requirements.txt requirements-dev.txt deploy/constraints.txt <<'PY'
import hashlib, pathlib, sys
content = b"".join(pathlib.Path(name).read_bytes() for name in sys.argv[1:])
print(hashlib.sha256(content + sys.version.encode()).hexdigest())
PY
}

create_venv() {
    local base
    base=$(find_python) || exit 1
    "$base" -c 'import venv, ensurepip' 2>/dev/null || fail \
        "$base cannot create virtual environments (venv or ensurepip is missing)." \
        "Install the package that brings it (Debian, Ubuntu: python3-venv) and try again."
    if [ -n "$(ls -A "$venv" 2>/dev/null)" ] && [ ! -f "$venv/pyvenv.cfg" ]; then
        fail "$venv is not a virtual environment, and not empty: it is left alone."
    fi
    say "Creating $venv"
    attempt "$base" -m venv --clear "$venv" || fail "The virtual environment could not be created."
}

# $1: run or dev
prepare_venv() {
    local wanted file=requirements.txt
    trap on_signal INT TERM HUP
    # As root, PostgreSQL runs as another user, who must be able to read its own programs.
    umask 022
    if ! is_recent "$python" || ! "$python" -m pip --version >/dev/null 2>&1; then
        create_venv
    fi
    wanted=$(requirements_hash "$python")
    [ "$(cat "$venv/.raiox-$1" 2>/dev/null)" = "$wanted" ] && return
    [ "$1" = dev ] && file=requirements-dev.txt
    say "Installing $file (the first time takes a few minutes)"
    attempt "$python" -m pip install -qq --no-input --disable-pip-version-check -r "$file" ||
        fail "Installing $file failed."
    say "$wanted" >"$venv/.raiox-$1"
    [ "$1" = run ] || say "$wanted" >"$venv/.raiox-run"
}

# What .env sets and the environment does not: it decides below as it does in the settings.
read_dotenv() {
    "$python" - <<'PY'
import os, shlex
import environ
before = dict(os.environ)
environ.Env.read_env(".env")
for name, value in os.environ.items():
    if name not in before and name.isidentifier():
        print(f"export {name}={shlex.quote(value)}")
PY
}

prepare_environment() {
    [ "${RAIOX_ENV:-}" = test ] || [ ! -f .env ] || eval "$(read_dotenv)"
    var_dir=${RAIOX_VAR_DIR:-$root/var}
    mkdir -p "$var_dir"
    # shellcheck disable=SC2174 # the folder above is there already
    mkdir -p -m 700 "$var_dir/run" "$var_dir/log"
    var_dir=$(cd "$var_dir" && pwd -P)
    database_dir=$var_dir/postgres
    run_dir=$var_dir/run
    log_dir=$var_dir/log
    embedded=true
    [ -z "${DATABASE_URL:-}${DATABASE_URL_FILE:-}${DB_HOST:-}" ] || embedded=false
    # One clock for all logs, Django's.
    export TZ="${TIME_ZONE:-America/Sao_Paulo}"
    export PYTHONUNBUFFERED=1 OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
    export MKL_NUM_THREADS="${MKL_NUM_THREADS:-1}"
    # glibc otherwise keeps an arena of freed memory for every thread.
    export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-2}"
    # Apple's libraries otherwise end a forked Python that has used threads.
    [ "$(uname -s)" != Darwin ] || export OBJC_DISABLE_INITIALIZE_FORK_SAFETY=YES
}

postgres() { "$python" -m raiox_site.embedded_postgres "$1" "$database_dir"; }
runner_is_alive() { "$python" -m raiox_site.processes is-alive "$run_dir/dev.pid"; }
end_earlier_run() { "$python" -m raiox_site.processes end-run "$run_dir"; }

# Waits for a child through signals that the traps handle, and returns its status.
await() {
    local status
    while :; do
        status=0
        wait "$1" || status=$?
        kill -0 "$1" 2>/dev/null || return "$status"
    done
}

# Runs a command so that a signal to this script ends it at once, as Ctrl-C does.
attempt() {
    "$@" &
    child=$!
    local status=0
    await "$child" || status=$?
    child=""
    [ -z "$interrupted" ] || exit "$interrupted_status"
    return "$status"
}

child=""
on_signal() {
    interrupted=yes
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null || true
}

refuse_a_taken_port() {
    "$python" - "$HOST" "$PORT" <<'PY' || fail "Port $PORT is taken by another program. Choose one: make run PORT=8001"
import socket, sys
host, port = sys.argv[1], int(sys.argv[2])
family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
probe = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
with socket.socket(family, kind, protocol) as client:
    client.settimeout(2)
    if client.connect_ex((probe, port)) == 0:
        sys.exit(1)
with socket.socket(family, kind, protocol) as server:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind(address)
    except OSError:
        sys.exit(1)
PY
}

prepare_database() {
    if [ "$embedded" = true ]; then
        attempt postgres url >/dev/null || fail "PostgreSQL did not start; see $database_dir/log"
    fi
    attempt "$python" manage.py migrate --noinput -v 0 || fail "The migrations failed."
    attempt "$python" manage.py createcachetable -v 0 || fail "The cache table failed."
    attempt "$python" manage.py collectstatic --noinput -v 0 || fail "collectstatic failed."
    attempt "$python" manage.py prepare_networks || fail "The networks could not be prepared."
    attempt "$python" manage.py setup_demo || fail "The demo data could not be created."
}

wait_for_web() {
    "$python" - "$HOST" "$PORT" <<'PY'
import http.client, sys, time
host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(sys.argv[1], sys.argv[1])
deadline = time.monotonic() + 90
while time.monotonic() < deadline:
    connection = http.client.HTTPConnection(host, int(sys.argv[2]), timeout=5)
    try:
        connection.request("GET", "/ping", headers={"Host": "localhost"})
        if connection.getresponse().status == 200:
            sys.exit(0)
    except OSError:
        pass
    finally:
        connection.close()
    time.sleep(0.2)
sys.exit(1)
PY
}

# In one piece, so that no log line comes between.
announce() {
    local accounts
    if wait_for_web; then
        accounts=$("$python" manage.py setup_demo --show)
        say "" "Raiox AI is running: http://localhost:$PORT/admin/" "Log in as one of:" \
            "$accounts" "Ctrl-C stops it." ""
    else
        say "The web process does not answer; see $log_dir/web.log"
    fi
}

end_child() {
    kill -TERM "$1" 2>/dev/null || true
    await "$1" 2>/dev/null || true
}

# Waits for the process runner and passes a signal on. A program that the runner has forked but
# not yet executed loses the signal, so it is given the time to execute them all first.
supervise() {
    local status asked="" since=$SECONDS
    while :; do
        status=0
        if [ -n "$interrupted" ] && [ -z "$asked" ]; then
            while [ $((SECONDS - since)) -lt 3 ]; do sleep 0.2; done
            kill -TERM "$1" 2>/dev/null || true
            asked=yes
        fi
        wait "$1" || status=$?
        kill -0 "$1" 2>/dev/null || return "$status"
    done
}

# Returns when the runner was asked to stop; starts it again when it was killed.
serve() {
    local status runner announcer="" logs announced="" as_root=""
    [ "$(id -u)" != 0 ] || as_root=--user=root
    touch "$log_dir/database.log" "$log_dir/web.log" "$log_dir/worker.log"
    while [ -z "$interrupted" ]; do
        tail -q -n 0 -F "$log_dir/database.log" "$log_dir/web.log" "$log_dir/worker.log" &
        logs=$!
        # A process group of its own, out of reach of Ctrl-C: this script passes signals on.
        set -m
        "$python" -m supervisor.supervisord -c deploy/supervisord.conf $as_root &
        runner=$!
        set +m
        if [ -z "$announced" ]; then
            announce &
            announcer=$!
            announced=yes
        fi
        status=0
        supervise "$runner" || status=$?
        if [ -n "$announcer" ]; then
            end_child "$announcer"
            announcer=""
        fi
        end_child "$logs"
        end_earlier_run
        [ "$status" -ge 128 ] || return "$status"
        [ -n "$interrupted" ] || say "The process runner was killed; starting it again."
    done
}

finish_run() {
    local status=$?
    trap '' INT TERM HUP
    trap - EXIT
    end_earlier_run || true
    [ "$embedded" != true ] || postgres stop || true
    rm -f "$run_dir/dev.pid"
    if [ -n "$interrupted" ]; then
        say "Stopped."
        exit 0
    fi
    exit "$status"
}

run() {
    interrupted_status=0
    prepare_venv run
    prepare_environment
    export RAIOX_ENV="${RAIOX_ENV:-development}" PORT="${PORT:-8000}" HOST="${HOST:-127.0.0.1}"
    # Loopback, so that simulated webhooks can name files on this machine.
    export RAIOX_FETCH_ALLOW_HOSTS="${RAIOX_FETCH_ALLOW_HOSTS:-default,127.0.0.1,localhost}"
    if runner_is_alive; then
        fail "It is already running from this directory. End it with: deploy/dev.sh stop"
    fi
    "$python" -m raiox_site.processes identity $$ >"$run_dir/dev.pid"
    trap finish_run EXIT
    end_earlier_run
    refuse_a_taken_port
    export RAIOX_RUN_DIR="$run_dir" RAIOX_LOG_DIR="$log_dir" RAIOX_DATABASE_DIR="$database_dir"
    export RAIOX_EMBEDDED="$embedded" RAIOX_VENV_PYTHON="$python"
    prepare_database
    serve
}

stop() {
    [ -x "$python" ] || return 0
    prepare_environment
    if runner_is_alive; then
        kill -TERM "$(cut -d ' ' -f 1 "$run_dir/dev.pid")"
        while runner_is_alive; do sleep 0.3; done
    fi
    end_earlier_run
    postgres stop
}

# The server stays for `make run` and for whoever else is connected.
leave_database() {
    [ "$embedded" != true ] || runner_is_alive || postgres stop-idle || true
}

run_tests() {
    prepare_venv dev
    trap - INT TERM HUP
    export RAIOX_ENV=test
    prepare_environment
    trap leave_database EXIT
    # A part of the suite cannot reach the threshold of the whole.
    if [ $# -eq 0 ]; then
        set -- --cov-fail-under=85
    fi
    # A file's tests stay together: some of them share what is costly to make.
    "$python" -m pytest -n "${RAIOX_TEST_PROCESSES:-auto}" --dist loadfile \
        --cov --cov-config=deploy/coveragerc --cov-report=term "$@"
}

browser() {
    prepare_venv dev
    trap - INT TERM HUP
    deploy/browser/install.sh "$venv/browser"
}

lint() {
    local packages="implants matching cases integrations raiox_site" failed=""
    prepare_venv dev
    trap - INT TERM HUP
    export RAIOX_ENV="${RAIOX_ENV:-test}"
    prepare_environment
    trap leave_database EXIT
    "$python" -m ruff check --config deploy/ruff.toml . || failed="$failed ruff-check"
    "$python" -m ruff format --check --config deploy/ruff.toml . || failed="$failed ruff-format"
    # shellcheck disable=SC2086
    "$python" -m mypy --config-file deploy/mypy.ini $packages || failed="$failed mypy"
    "$python" manage.py makemigrations --check --dry-run || failed="$failed makemigrations"
    "$python" manage.py spectacular --fail-on-warn --validate --file /dev/null ||
        failed="$failed openapi"
    [ -z "$failed" ] || fail "Failed:$failed"
}

gate() {
    prepare_venv run
    trap - INT TERM HUP
    export RAIOX_ENV="${RAIOX_ENV:-test}"
    prepare_environment
    trap leave_database EXIT
    # Smaller and fewer films than in an evaluation: this is repeated at every change.
    "$python" manage.py evaluate --phantoms clinic --seeds 2 --pixels-per-mm 12 \
        --encoder raiox-fixture/bundled --baseline matching/evaluation/baseline.json "$@"
}

audit() {
    local packages="implants matching cases integrations raiox_site deploy manage.py" failed=""
    prepare_venv dev
    trap - INT TERM HUP
    # shellcheck disable=SC2086
    "$python" -m bandit -q -c deploy/bandit.yaml -r $packages || failed="$failed bandit"
    "$python" deploy/known_holes.py requirements-dev.txt deploy/constraints.txt ||
        failed="$failed pip-audit"
    [ -z "$failed" ] || fail "Failed:$failed"
}

action=${1:-}
[ $# -eq 0 ] || shift
case $action in
    run) run ;;
    test) run_tests "$@" ;;
    gate) gate "$@" ;;
    lint) lint ;;
    audit) audit ;;
    stop) stop ;;
    venv) prepare_venv "${1:-dev}" ;;
    browser) browser ;;
    *) fail "Usage: deploy/dev.sh run|test|gate|lint|audit|stop|venv|browser" ;;
esac
