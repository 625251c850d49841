# shellcheck shell=bash disable=SC2034,SC2154 # the other parts use what is set here, and release.sh sets the rest
# What release.sh knows and how it speaks, locks, remembers and gives up root.

RAIOX_ENV_FILE=${RAIOX_ENV_FILE:-/etc/raiox/raiox.env}
if [ -f "$(dirname "$RAIOX_ENV_FILE")/release.env" ]; then
    set -a
    # shellcheck source=/dev/null
    . "$(dirname "$RAIOX_ENV_FILE")/release.env"
    set +a
fi
# A release brings its own.
unset RAIOX_VENV
home=${RAIOX_HOME:-/opt/raiox}
user=${RAIOX_USER:-raiox}
var_dir=${RAIOX_VAR_DIR:-/var/lib/raiox}
log_dir=${RAIOX_RELEASE_LOGS:-/var/log/raiox}
dump_dir=${RAIOX_DUMP_DIR:-$var_dir/dumps}
gate_url=${RAIOX_GATE_URL:-}
gate_seconds=${RAIOX_GATE_SECONDS:-120}
# What hangs must not keep the next release out for ever.
step_seconds=${RAIOX_STEP_SECONDS:-1800}
# torch's usual wheel for Linux brings CUDA along; a host with a GPU sets this to nothing.
export PIP_EXTRA_INDEX_URL=${PIP_EXTRA_INDEX_URL-https://download.pytorch.org/whl/cpu}
journal=$home/releasing
log=/dev/null

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$script"; }

# Whoever started this may have gone away (SSH): then nobody reads, and it goes on.
say() {
    printf '%s\n' "$*" 2>/dev/null || true
    printf '%s %s\n' "$(date -u +%FT%TZ)" "$*" >>"$log"
}

die() {
    say "release: $*" >&2
    exit "${failure_status:-1}"
}

# Descendants inherit the lock: what a killed release left running ends before the next begins.
one_at_a_time() {
    [ "$(id -u)" = 0 ] || die "only root may do that"
    [ -d "$home" ] || install -d -m 755 "$home"
    exec 9>>"$home/.lock"
    if ! flock -n 9; then
        failure_status=75
        die "another release is at work$(holder)"
    fi
    install -d -m 755 "$home/releases" "$home/venvs"
    install -d -m 750 "$log_dir"
    trap '' HUP PIPE
}

holder() {
    [ ! -s "$journal" ] || printf ' (%s to %s, process %s)' \
        "$(remembered phase)" "$(remembered to)" "$(remembered pid)"
}

# remember KEY=VALUE…: into the journal, by which a later call puts right what was cut off here.
remember() {
    local one kept=""
    for one in "$@"; do
        kept=$(grep -v "^${one%%=*}=" "$journal" 2>/dev/null || true)
        printf '%s\n' ${kept:+"$kept"} "$one" >"$journal.new"
        mv "$journal.new" "$journal"
    done
    sync -f "$journal" 2>/dev/null || true
}

remembered() { sed -n "s/^$1=//p" "$journal" 2>/dev/null | tail -n 1; }

forget() { rm -f "$journal"; }

# as_user FOLDER COMMAND…: as the user of the service, with the settings of the service only.
as_user() {
    local folder=$1 drop=()
    shift
    if [ "$(id -u)" = 0 ] && [ "$user" != root ]; then
        drop=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --init-groups --)
    fi
    local keep=()
    mapfile -t keep < <(env | grep -E '^(PIP_[A-Z_]+|SSL_CERT_FILE|https?_proxy|no_proxy)=' || true)
    (cd -P "$folder" && exec "${drop[@]}" env -i "${keep[@]}" PATH="$PATH" HOME="$var_dir" \
        LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 \
        RAIOX_ENV_FILE="$RAIOX_ENV_FILE" RAIOX_VAR_DIR="$var_dir" "$@")
}

# logged WHAT COMMAND…: its output goes to the log; the end of it is shown where it fails.
logged() {
    local what=$1 status=0 from
    shift
    from=$(stat -c %s "$log")
    "$@" >>"$log" 2>&1 </dev/null || status=$?
    [ "$status" = 0 ] && return
    tail -c "+$((from + 1))" "$log" | tail -n 15 | sed 's/^/    /' >&2 || true
    die "$what failed (status $status); all of it is in $log"
}

release_of() { [ ! -e "$home/$1" ] || basename "$(readlink -f "$home/$1")"; }

# Renaming a link over another is one step: there is no moment without one.
point() {
    ln -sfn "releases/$2" "$home/.$1.new"
    mv -T "$home/.$1.new" "$home/$1"
}
