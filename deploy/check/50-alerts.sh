#!/usr/bin/env bash
# Monitoring: files linted by promtool, amtool and yamllint; then every alert fired once by a real
# fault of the real system, watched by a real Prometheus and Alertmanager, and its message read
# (manage.py try_alerts). SHORT=1 fires those whose faults take seconds.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

monitoring=deploy/monitoring

lint() {
    if need promtool "promtool"; then
        try "promtool: the rules" promtool check rules "$monitoring"/rules/*.yml
        try "promtool: the rules' own tests" promtool test rules "$monitoring/rules_test.yml"
        mkdir -p "$work/prometheus"
        cp -r "$monitoring/prometheus.yml" "$monitoring/rules" "$work/prometheus/"
        echo token >"$work/token"
        sed -i "s#/etc/prometheus/raiox-metrics-token#$work/token#" "$work/prometheus/prometheus.yml"
        try "promtool: prometheus.yml" promtool check config "$work/prometheus/prometheus.yml"
    fi
    if need amtool "amtool"; then
        try "amtool: alertmanager.yml" amtool check-config "$monitoring/alertmanager.yml"
        try "render.sh writes a configuration that amtool takes" rendered "$work/alertmanager"
        same "the token is not for everybody's eyes" 640 \
            "$(stat -c %a "$work/alertmanager/alertmanager.yml")"
    fi
    if need yamllint "yamllint"; then
        try "yamllint" yamllint -d \
            '{extends: default, rules: {line-length: disable, document-start: disable}}' \
            "$monitoring"/*.yml "$monitoring"/rules/*.yml
    fi
    try "the dashboard is JSON" "$python" -m json.tool "$monitoring/grafana-dashboard.json"
    if has filebeat; then
        try "filebeat test config" filebeat test config -c "$root/$monitoring/filebeat.yml" \
            --path.data "$work/filebeat"
    else
        not_run "filebeat test config" "filebeat is in no Debian repository; its file is linted as YAML"
    fi
}

rendered() {
    mkdir -p "$1"
    echo "1:token" >"$work/telegram"
    env RAIOX_ALERTS_ENV=/dev/null RAIOX_ALERT_EMAIL=a@example.org RAIOX_ALERT_FROM=b@example.org \
        RAIOX_ALERT_SMTP=mail.example.org:587 RAIOX_ALERT_SMTP_USER=u \
        RAIOX_ALERT_SMTP_PASSWORD_FILE="$work/telegram" \
        RAIOX_ALERT_TELEGRAM_TOKEN_FILE="$work/telegram" RAIOX_ALERT_TELEGRAM_CHAT=-1001 \
        RAIOX_ALERT_RUNBOOKS=https://example.org/raiox "$monitoring/render.sh" "$1"
}

# A small file system that may be filled: a file on a loop device, else memory.
small_disk() {
    mkdir -p "$work/disk"
    truncate -s 2500M "$work/disk.img"
    if mkfs.ext4 -q -F -m 0 "$work/disk.img" && mount -o loop "$work/disk.img" "$work/disk"; then
        :
    elif ! mount -t tmpfs -o size=1500m tmpfs "$work/disk"; then
        return 1
    fi
    at_exit umount -l "$work/disk"
} 2>/dev/null

fire() {
    local options=() status=0
    for program in prometheus prometheus-alertmanager amtool; do
        need "$program" "alerts fired by real faults" || return 0
    done
    if [ "$SHORT" = 1 ]; then
        options+=(--short)
    elif [ "$(id -u)" = 0 ] && small_disk; then
        options+=(--disk "$work/disk")
    fi
    mkdir -p "$work/var"
    env -u DATABASE_URL -u DB_HOST RAIOX_ENV=development RAIOX_ENV_FILE=/dev/null \
        RAIOX_VAR_DIR="$work/var" "$python" manage.py try_alerts "${options[@]}" || status=$?
    "$python" -m raiox_site.embedded_postgres stop "$work/var/postgres" || true
    [ "$status" = 0 ] || fail "manage.py try_alerts ended with $status"
}

lint
fire
