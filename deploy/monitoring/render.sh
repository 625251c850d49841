#!/usr/bin/env bash
# Writes Alertmanager's configuration with this installation's addresses and secrets in it.
#
#   deploy/monitoring/render.sh [DIRECTORY]        default: /etc/alertmanager
#
# Reads from the environment (or from the file that RAIOX_ALERTS_ENV names, default
# /etc/raiox/alerts.env, lines NAME=value):
#   RAIOX_ALERT_EMAIL                 who gets the mails
#   RAIOX_ALERT_FROM                  their sender
#   RAIOX_ALERT_SMTP                  host:port of the mail server
#   RAIOX_ALERT_SMTP_USER             its user; empty: no login
#   RAIOX_ALERT_SMTP_PASSWORD_FILE    a file with the password, which Alertmanager reads itself
#   RAIOX_ALERT_SMTP_TLS              true (default), or false for a mail server on this host
#   RAIOX_ALERT_TELEGRAM_TOKEN_FILE   a file with the bot's token
#   RAIOX_ALERT_TELEGRAM_CHAT         number of the chat
#   RAIOX_ALERT_TELEGRAM_API          default: https://api.telegram.org
#   RAIOX_ALERT_RUNBOOKS              where this repository is read (https://…/blob/main)
#
# The result holds the token (Alertmanager 0.25 of Debian 12 reads none from a file): it is
# readable by its owner and the group of the directory only. Checked with amtool before it
# replaces the one in use; reload Alertmanager afterwards: systemctl reload prometheus-alertmanager
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
target=${1:-/etc/alertmanager}
settings=${RAIOX_ALERTS_ENV:-/etc/raiox/alerts.env}

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

read_settings() {
    local line
    [ -f "$settings" ] || return 0
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
            RAIOX_ALERT_*=*) set_unless_given "${line%%=*}" "${line#*=}" ;;
        esac
    done <"$settings"
}

# What the environment says wins.
set_unless_given() { [ -n "${!1:-}" ] || export "$1=$2"; }

need() {
    local name
    for name in "$@"; do [ -n "${!name:-}" ] || fail "$name is not set (see the head of $0)."; done
}

read_settings
need RAIOX_ALERT_EMAIL RAIOX_ALERT_FROM RAIOX_ALERT_SMTP RAIOX_ALERT_TELEGRAM_TOKEN_FILE \
    RAIOX_ALERT_TELEGRAM_CHAT RAIOX_ALERT_RUNBOOKS
[ -r "$RAIOX_ALERT_TELEGRAM_TOKEN_FILE" ] || fail "The file of RAIOX_ALERT_TELEGRAM_TOKEN_FILE cannot be read."
umask 027
mkdir -p "$target/templates"
unfinished=$(mktemp -d "$target/.render.XXXXXX")
trap 'rm -rf "$unfinished"' EXIT
mkdir "$unfinished/templates"

python3 - "$here" "$unfinished" <<'PY'
import os, re, sys
from pathlib import Path

here, target = map(Path, sys.argv[1:])


def given(name, default=""):
    return os.environ.get(f"RAIOX_ALERT_{name}", "").strip() or default


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


token = Path(given("TELEGRAM_TOKEN_FILE")).read_text().strip()
password = given("SMTP_PASSWORD_FILE")
values = {
    "smtp_smarthost": quoted(given("SMTP")),
    "smtp_from": quoted(given("FROM")),
    "smtp_auth_username": quoted(given("SMTP_USER")),
    "smtp_auth_password_file": quoted(password),
    "smtp_require_tls": given("SMTP_TLS", "true"),
    "to": quoted(given("EMAIL")),
    "api_url": quoted(given("TELEGRAM_API", "https://api.telegram.org")),
    "bot_token": quoted(token),
    "chat_id": str(int(given("TELEGRAM_CHAT"))),
}
dropped = () if given("SMTP_USER") else ("smtp_auth_username", "smtp_auth_password_file")
lines = []
for line in (here / "alertmanager.yml").read_text().splitlines():
    found = re.fullmatch(r"([ -]*)(\w+): .*", line)
    if found and found[2] in dropped:
        continue
    if found and found[2] in values:
        line = f"{found[1]}{found[2]}: {values[found[2]]}"
    lines.append(line)
(target / "alertmanager.yml").write_text("\n".join(lines) + "\n")
template = (here / "templates" / "raiox.tmpl").read_text()
runbooks = given("RUNBOOKS").rstrip("/")
(target / "templates" / "raiox.tmpl").write_text(template.replace("RUNBOOK_BASE", runbooks))
PY

amtool check-config "$unfinished/alertmanager.yml" >&2 || fail "amtool refuses the result: nothing was changed."
chgrp --reference="$target" -R "$unfinished" 2>/dev/null || true
chmod 640 "$unfinished/alertmanager.yml"
mv "$unfinished/templates/raiox.tmpl" "$target/templates/raiox.tmpl"
mv "$unfinished/alertmanager.yml" "$target/alertmanager.yml"
printf '%s\n' "Written: $target/alertmanager.yml. Now: systemctl reload prometheus-alertmanager"
