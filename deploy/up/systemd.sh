# shellcheck shell=bash disable=SC2154 # up.sh sets what is used here
# Where install.sh has set systemd up: the same words for it.

# shellcheck source=plain.sh
. deploy/up/plain.sh

units() {
    local name
    for name in "${@:-all}"; do
        case $name in
            all) systemctl list-unit-files --no-legend --state=enabled 'raiox-web.service' 'raiox-worker.service' | cut -d ' ' -f 1 ;;
            *) printf 'raiox-%s.service\n' "$name" ;;
        esac
    done
}

do_systemctl() {
    local names action=$1
    shift
    mapfile -t names < <(units "$@")
    systemctl "$action" "${names[@]}"
}

do_up() { do_systemctl start "$@"; }
do_restart() { do_systemctl restart "$@"; }
do_keep() { :; }
do_stop() { do_systemctl stop "$@"; }
# The socket too: it would start web again.
do_down() {
    ! systemctl is-active --quiet raiox-web.socket || systemctl stop raiox-web.socket
    do_systemctl stop
}

do_status() {
    local names
    mapfile -t names < <(units)
    systemctl status --no-pager --lines=0 "${names[@]}" || true
    deploy/release.sh status
}

do_logs() {
    local options=() name
    while read -r name; do options+=(--unit "$name"); done < <(units "$@")
    [ "${RAIOX_FOLLOW:-yes}" = no ] || options+=(--follow)
    exec journalctl --output=cat --lines="${RAIOX_LOG_LINES:-100}" "${options[@]}"
}
