# shellcheck shell=bash disable=SC2154 # common.sh sets what is used here
# Web and worker of this host, under systemd or without it; and asking them who they are.

manager() {
    if [ -n "${RAIOX_INIT:-}" ]; then
        printf '%s\n' "$RAIOX_INIT"
    elif [ -d /run/systemd/system ]; then
        printf 'systemd\n'
    else
        printf 'plain\n'
    fi
}

# Of RAIOX_SERVICES those that this host runs: a worker host has no web.
services() {
    local name
    for name in ${RAIOX_SERVICES:-raiox-web raiox-worker}; do
        if [ "$(manager)" != systemd ] || systemctl is-enabled --quiet "$name"; then
            printf '%s\n' "$name"
        fi
    done
}

# Not by a pipe: SIGPIPE is ignored here, and who writes after the reader has gone has failed.
runs() { [[ $'\n'$(services)$'\n' = *$'\n'"$1"$'\n'* ]]; }

# $1: restart or stop. What is started here must not inherit the lock.
each_service() {
    local names
    mapfile -t names < <(services)
    [ ${#names[@]} -gt 0 ] || die "this host has none of: ${RAIOX_SERVICES:-raiox-web raiox-worker}"
    if [ "$(manager)" = systemd ]; then
        # A service that crashed too often refuses to start until that is forgotten.
        systemctl reset-failed "${names[@]}" 9>&- || true
        # A socket that is left open would start a web service that is stopped.
        if [ "$1" = stop ] && [[ " ${names[*]} " = *" raiox-web "* ]] &&
            systemctl is-enabled --quiet raiox-web.socket; then
            names+=(raiox-web.socket)
        fi
        systemctl "$1" "${names[@]}" 9>&-
    else
        RAIOX_UP=plain "$home/current/deploy/up.sh" "$1" "${names[@]#raiox-}" 9>&-
    fi
}

# The worker ends first: a sign of life that comes later than `since` is one of the new worker.
restart_services() {
    ! runs raiox-worker || one_service stop raiox-worker
    remember "since=$(date +%s.%N)"
    each_service restart
}

one_service() { RAIOX_SERVICES=$2 each_service "$1"; }

# gate RELEASE SINCE: the service answers as this release, and its worker has worked since then.
gate() {
    local options=(--release "$1" --seconds "$gate_seconds")
    ! runs raiox-worker || options+=(--worker-since "$2")
    if runs raiox-web; then
        ask_health "$1" "$(gate_address)" "${options[@]}"
    else
        stays_up
    fi
}

# systemd's socket stands on 8000 whatever the settings say; plain processes read PORT there.
gate_address() {
    local port=${PORT:-}
    [ -n "$port" ] || [ "$(manager)" = systemd ] || port=$(sed -n 's/^PORT=//p' "$RAIOX_ENV_FILE" | tail -n 1)
    printf '%s\n' "${gate_url:-http://127.0.0.1:${port:-8000}}"
}

ask_health() {
    local release=$1
    shift
    as_user "$home/releases/$release" .venv/bin/python deploy/release/gate.py "$@"
}

# Whether install.sh has something to do: units that are not those of $1, another nginx than in $2.
host_differs() {
    local file there
    [ "$(manager)" = systemd ] || return 1
    for file in "$home/releases/$1"/deploy/systemd/*; do
        there=/etc/systemd/system/${file##*/}
        [ ! -e "$there" ] || cmp -s "$file" "$there" || return 0
    done
    [ -n "$2" ] && [ -d "$home/releases/$2" ] &&
        ! diff -rq "$home/releases/$2/deploy/nginx" "$home/releases/$1/deploy/nginx" >/dev/null
}

# Without a web process there is nobody to ask: the worker must run, and not again and again.
stays_up() {
    local before
    [ "$(manager)" = systemd ] || die "a host without a web process needs systemd: who else knows?"
    before=$(systemctl show -p NRestarts --value raiox-worker)
    sleep 20
    systemctl is-active --quiet raiox-worker &&
        [ "$(systemctl show -p NRestarts --value raiox-worker)" = "$before" ]
}
