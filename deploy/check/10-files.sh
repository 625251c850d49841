#!/usr/bin/env bash
# Every file of deploy/ that a program can judge without running it: shell, units, nginx,
# fail2ban, logrotate, sshd, YAML, JSON, and no secret or path of somebody's machine in any.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

tracked() { find deploy .github -type f "$@" -not -path '*/node_modules/*' -not -path '*/__pycache__/*' 2>/dev/null | sort; }

shell_files() {
    tracked -name '*.sh'
    # The hooks and helpers without an ending.
    tracked -not -name '*.*' | while read -r file; do
        head -c 64 "$file" | grep -qE '^#!.*\b(ba)?sh\b' && printf '%s\n' "$file"
    done
    return 0
}

try_shell() {
    local files
    mapfile -t files < <(shell_files)
    need shellcheck "shell scripts" && try "shellcheck: ${#files[@]} scripts" shellcheck "${files[@]}"
    for file in "${files[@]}"; do
        bash -n "$file" || fail "$file"
    done
}

# Units name programs and users that this machine does not have: a root of its own has them.
try_units() {
    local unit exposure stand=$work/root
    need systemd-analyze "units" || return 0
    mkdir -p "$stand/etc/systemd/system" "$stand/usr/lib/systemd/system" "$stand/opt/raiox/current/.venv/bin" "$stand/opt/raiox/current/deploy" "$stand/bin"
    cp /usr/lib/systemd/system/*.target /usr/lib/systemd/system/*.slice "$stand/usr/lib/systemd/system/" 2>/dev/null || true
    cp deploy/systemd/* "$stand/etc/systemd/system/"
    cp deploy/*.sh "$stand/opt/raiox/current/deploy/"
    cp "$(readlink -f /bin/true)" "$stand/opt/raiox/current/.venv/bin/python"
    cp "$(readlink -f /bin/kill)" "$stand/bin/kill"
    for unit in deploy/systemd/*; do
        systemd-analyze verify --root="$stand" --recursive-errors=no --man=no "$(basename "$unit")" >"$work/verify" 2>&1 &&
            [ ! -s "$work/verify" ] && ok "systemd-analyze verify: $(basename "$unit")" ||
            fail "systemd-analyze verify: $unit: $(cat "$work/verify")"
    done
    for unit in deploy/systemd/*.service; do
        exposure=$(systemd-analyze security --offline=yes --no-pager "$unit" | sed -n 's/.*exposure level for .*: \([0-9.]*\).*/\1/p')
        "$python" -c "import sys; sys.exit(not 0 < float('${exposure:-10}') <= 2.0)" &&
            ok "systemd-analyze security: $(basename "$unit") $exposure" || fail "systemd-analyze security: $unit ${exposure:-?}"
    done
}

# What the numbers of the units promise each other.
try_numbers() {
    local number=deploy/systemd
    "$python" - "$number" <<'PY' && ok "timeouts of units and processes fit each other" || fail "timeouts of units and processes"
import configparser, pathlib, re, sys
def unit(name):
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",))
    parser.optionxform = str
    parser.read(pathlib.Path(sys.argv[1], name))
    return parser["Service"]
worker, web = unit("raiox-worker.service"), unit("raiox-web.service")
grace = float(re.search(r"--grace (\d+)", worker["ExecStart"])[1])
stall = float(re.search(r"^STALL_S = ([\d.]+)", pathlib.Path("raiox_site/worker.py").read_text(), re.M)[1])
task = float(re.search(r'"timeout": (\d+)', pathlib.Path("raiox_site/settings.py").read_text())[1])
graceful = float(re.search(r"^graceful_timeout = (\d+)", pathlib.Path("deploy/gunicorn.conf.py").read_text(), re.M)[1])
assert grace >= 2 * task, "a full cluster cannot drain"
assert float(worker["TimeoutStopSec"]) > grace + 5, "systemd kills before the worker does"
assert stall > task, "a long task is taken for a hang"
assert float(worker["WatchdogSec"]) > stall + 60, "systemd is faster than the watcher"
assert float(web["TimeoutStopSec"]) > graceful + 5
assert worker["KillMode"] == web["KillMode"] == "mixed" and worker["Restart"] == web["Restart"] == "always"
PY
}

try_nginx() {
    local folder=$work/nginx
    need nginx "nginx -t" || return 0
    mkdir -p "$folder" "$work/log"
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=raiox.test -keyout "$folder/privkey.pem" -out "$folder/fullchain.pem" 2>/dev/null
    SNIPPETS=$folder TLS_DIR=$folder LOG_DIR=$work/log STATIC_DIR=$work deploy/nginx/render.sh raiox.test "$folder"
    printf 'pid %s/pid;\nerror_log %s/log/main.log;\nevents {}\nhttp { include /etc/nginx/mime.types; include %s/raiox.conf; }\n' "$work" "$work" "$folder" >"$work/nginx.conf"
    try "nginx -t" nginx -q -t -c "$work/nginx.conf"
    grep -rnE '@[A-Z_]+@' "$folder" && fail "names that nobody filled in" || ok "every name is filled in"
    deploy/nginx/render.sh 'x;return 200' "$work/no" 2>/dev/null && fail "a host name with more in it is taken" || ok "a host name with more in it is refused"
}

try_host() {
    if need logrotate "logrotate"; then
        # Its own users and files are not here: only the grammar is judged.
        sed 's/^ *su .*//' deploy/host/logrotate.conf >"$work/logrotate.conf"
        try "logrotate reads its rules" logrotate --debug "$work/logrotate.conf"
    fi
    if need sshd "sshd_config"; then
        ssh-keygen -q -t ed25519 -N '' -f "$work/key"
        { cat deploy/host/sshd.conf; printf 'HostKey %s\n' "$work/key"; } >"$work/sshd_config"
        mkdir -p /run/sshd 2>/dev/null || true
        try "sshd reads its settings" /usr/sbin/sshd -t -f "$work/sshd_config"
    fi
    need apt-config "unattended-upgrades" && try "apt reads its settings" \
        env APT_CONFIG="$root/deploy/host/unattended-upgrades.conf" apt-config dump Unattended-Upgrade::Automatic-Reboot-Time
    need fail2ban-client "fail2ban" && try_jails
}
try_jails() {
    local folder=$work/fail2ban
    cp -r /etc/fail2ban "$folder"
    rm -f "$folder"/jail.d/*
    cp deploy/host/fail2ban/filter.d/* "$folder/filter.d/"
    touch "$work/refused.log"
    sed "s|/var/log/nginx/raiox|$work|" deploy/host/fail2ban/jail.d/raiox.conf >"$folder/jail.d/raiox.conf"
    try "fail2ban reads its jails" fail2ban-client -c "$folder" -t
}

# What fail2ban must find, and what it must leave alone: `jail` or `-`, then a line of the log.
try_filters() {
    local wanted line jail found
    need fail2ban-regex "the filters of fail2ban" || return 0
    while read -r wanted line; do
        found=""
        for jail in login probe flood; do
            printf '%s\n' "$line" >"$work/line"
            fail2ban-regex "$work/line" "deploy/host/fail2ban/filter.d/raiox-$jail.conf" 2>/dev/null | grep '1 matched' >/dev/null && found="$found$jail"
        done
        same "fail2ban: $line" "${wanted#-}" "$found"
    done <<'LINES'
loginflood 2026-11-22T10:00:00-03:00 203.0.113.7 429 POST /admin/login/
login 2026-11-22T10:00:01-03:00 2001:db8::7 401 POST /auth/token
- 2026-11-22T10:00:01-03:00 203.0.113.7 401 POST /jotform/[token]
- 2026-11-22T10:00:02-03:00 203.0.113.8 404 GET /cases/5/films/7
- 2026-11-22T10:00:02-03:00 203.0.113.8 413 POST /upload
probe 2026-11-22T10:00:02-03:00 203.0.113.8 404 GET /wp-login.php
probe 2026-11-22T10:00:02-03:00 203.0.113.8 404 GET /.env
probe 2026-11-22T10:00:02-03:00 203.0.113.8 404 GET /old/.git/config
probe 2026-11-22T10:00:02-03:00 203.0.113.8 404 GET /a/index.php?x
- 2026-11-22T10:00:02-03:00 203.0.113.8 404 GET /favicon.ico
- 2026-11-22T10:00:02-03:00 203.0.113.8 404 GET /apple-touch-icon.png
- 2026-11-22T10:00:02-03:00 203.0.113.8 404 GET /static/admin/css/base.0123456789ab.css
- 2026-11-22T10:00:02-03:00 203.0.113.8 404 GET /.well-known/change-password
- 2026-11-22T10:00:02-03:00 203.0.113.8 404 GET /media/uploads/film.jpg
flood 2026-11-22T10:00:02-03:00 203.0.113.8 429 POST /webhook
- 2026-11-22T10:00:02-03:00 203.0.113.8 404 GET /x 203.0.113.99 429 POST /auth/token
LINES
}

try_data_files() {
    local files
    mapfile -t files < <(tracked \( -name '*.yml' -o -name '*.yaml' \))
    if [ ${#files[@]} -gt 0 ] && need yamllint "YAML"; then
        try "yamllint: ${#files[@]} files" yamllint -s -d '{extends: relaxed, rules: {line-length: disable, document-start: disable, indentation: disable}}' "${files[@]}"
    fi
    tracked -name '*.json' | while read -r file; do
        "$python" -m json.tool "$file" >/dev/null || printf '%s\n' "$file"
    done >"$work/json"
    [ -s "$work/json" ] && fail "not JSON: $(cat "$work/json")" || ok "every JSON file is JSON"
}

# Written so that this file does not find itself.
try_nothing_private() {
    grep -rnE '(dop_v1_[0-9a-f]{16}|BEGIN [A-Z ]*PRIVATE KEY|AKIA[0-9A-Z]{16}|[0-9]{8,10}:AA[A-Za-z0-9_-]{30})' deploy .github 2>/dev/null &&
        fail "a secret" || ok "no secret in deploy and .github"
    grep -rnE '(^|[^A-Za-z0-9_.-])/(wor[k]|hom[e]/[a-z]+|tm[p]/[a-z]+-(var|run))(/|$)' deploy .github --include='*.sh' --include='*.service' --include='*.conf' --include='*.yml' --include='*.yaml' 2>/dev/null &&
        fail "a path of somebody's machine" || ok "no path of somebody's machine"
}

try_shell
try_units
try_numbers
try_nginx
try_host
try_filters
try_data_files
try_nothing_private
