#!/usr/bin/env bash
# Changes one secret of this installation, without losing what is under way.
#
#   rotate.sh list                  every secret: where it stands, how old it is, what is left to do
#   rotate.sh NAME                  change it. Our own keys are made; what others give out (a key of
#                                   Jotform, a password of the mail server) is read from the
#                                   standard input, or with --from FILE. See below
#   rotate.sh finish NAME           the old value is not accepted any more (SECRET_KEY after 12 hours,
#                                   RAIOX_JWT_KEY after 8, RAIOX_WEBHOOK_TOKEN when Jotform has the new address)
#   rotate.sh adopt [NAME…]         move secrets out of raiox.env into files of their own
#   rotate.sh restart               web and worker, and wait until they answer
#
#   --leaked       somebody else knows the old value: nothing of before stays valid
#   --no-restart   only write; for several hosts: copy /etc/raiox to each, then `rotate.sh restart`
#                  there, worker hosts first
#
#   made here:     SECRET_KEY RAIOX_JWT_KEY RAIOX_HASH_KEY RAIOX_WEBHOOK_TOKEN JF_SECRET
#                  RAIOX_METRICS_TOKEN DB_PASSWORD (changed in the database too)
#   one line:      JOTFORM_API_KEY JOTFORM_WEBHOOK_URL EMAIL_URL RAIOX_TELEGRAM_TOKEN REDIS_URL
#                  DATABASE_URL RAIOX_SEARCH_DATABASE_URL
#   two lines:     DO_SPACES_KEY (key, secret) RAIOX_BACKUP_KEY (key, secret)
#
# A new value is tried by loading all settings before anything is restarted; where that, or the
# service after it, fails, the old files are put back. Files: RAIOX_ENV_FILE (/etc/raiox/raiox.env),
# RAIOX_SECRETS (/etc/raiox/secrets, one file for each, named like the variable), RAIOX_HOME
# (/opt/raiox). RAIOX_RESTART names another command that restarts, RAIOX_USER the service's user.
set -euo pipefail
shopt -s inherit_errexit

self=$(readlink -f "${BASH_SOURCE[0]}")
env_file=${RAIOX_ENV_FILE:-/etc/raiox/raiox.env}
secrets=${RAIOX_SECRETS:-$(dirname "$env_file")/secrets}
code=${RAIOX_CODE:-$(cd "$(dirname "$self")/../.." && pwd -P)}
python=${RAIOX_VENV:-$code/.venv}/bin/python
user=${RAIOX_USER:-raiox}
url=${RAIOX_GATE_URL:-}
random_names="SECRET_KEY RAIOX_JWT_KEY RAIOX_HASH_KEY RAIOX_WEBHOOK_TOKEN JF_SECRET RAIOX_METRICS_TOKEN DB_PASSWORD"
given_names="JOTFORM_API_KEY JOTFORM_WEBHOOK_URL EMAIL_URL RAIOX_TELEGRAM_TOKEN REDIS_URL DATABASE_URL RAIOX_SEARCH_DATABASE_URL"
pair_names="DO_SPACES_KEY RAIOX_BACKUP_KEY"
old_names="SECRET_KEY_FALLBACKS RAIOX_JWT_KEY_OLD RAIOX_WEBHOOK_TOKEN_OLD"
other_halves="DO_SPACES_SECRET RAIOX_BACKUP_SECRET"
from=/dev/stdin
leaked=""
restart=yes

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$self"; }
say() { printf '%s\n' "$*"; }
die() {
    printf 'rotate: %s\n' "$*" >&2
    exit 1
}

is_one_of() { case " $2 " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }
setting() { "$python" "$code/deploy/secrets/env_file.py" "$env_file" "$@"; }

# Django's own commands, as the user of the service.
manage() {
    local drop=()
    if [ "$(id -u)" = 0 ] && [ "$user" != root ] && id "$user" >/dev/null 2>&1; then
        drop=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --init-groups --)
    fi
    (cd "$code" && RAIOX_ENV_FILE=$env_file RAIOX_VAR_DIR=$(var_dir) "${drop[@]}" "$python" manage.py "$@")
}

var_dir() {
    local set_there
    set_there=$(setting get RAIOX_VAR_DIR)
    printf '%s' "${RAIOX_VAR_DIR:-${set_there:-/var/lib/raiox}}"
}

# What the running settings take it for, also where it is derived from another one.
effective() { manage shell -v 0 -c "from django.conf import settings as s; print($1, end='')"; }

file_of() {
    local named
    named=$(setting get "${1}_FILE")
    printf '%s' "${named:-$secrets/$1}"
}

is_set() { [ -n "$(setting get "$1")" ] || [ -n "$(setting get "${1}_FILE")" ]; }

# The value that the file or raiox.env holds; empty where there is none.
current() {
    if [ -n "$(setting get "${1}_FILE")" ]; then tr -d '\r\n' <"$(file_of "$1")"; else setting get "$1"; fi
}

# write NAME: the value is the standard input, so that it stands in no list of processes.
write() {
    local file
    file=$(file_of "$1")
    install -d -m 750 "$secrets"
    chgrp --reference="$env_file" "$secrets"
    (umask 077 && cat >"$file.new")
    [ -s "$file.new" ] || die "the new value of $1 is empty"
    chgrp --reference="$env_file" "$file.new"
    chmod 640 "$file.new"
    mv "$file.new" "$file"
    setting unset "$1"
    setting set "${1}_FILE" "$file"
}

drop() {
    setting unset "$1"
    setting unset "${1}_FILE"
    rm -f "$secrets/$1"
}

random() { "$python" -c 'import secrets; print(secrets.token_urlsafe(48), end="")'; }

# Everything as it was, until this script ends well. A signal is no good end: bash would call it 0.
keep_a_copy() {
    kept=$(mktemp -d "$(dirname "$env_file")/.rotate.XXXXXX")
    chmod 700 "$kept"
    cp -p "$env_file" "$kept/raiox.env"
    [ ! -d "$secrets" ] || cp -Rp "$secrets" "$kept/secrets"
    trap put_back EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

put_back() {
    local status=$?
    # Whoever started this may have gone away (SSH): it goes on, and nobody reads.
    trap : HUP INT TERM PIPE
    trap - EXIT
    if [ "$status" != 0 ]; then
        set +e
        [ ! -e "$kept/in-database" ] || old_password_again
        cp -p "$kept/raiox.env" "$env_file"
        rm -rf "$secrets"
        [ ! -d "$kept/secrets" ] || cp -Rp "$kept/secrets" "$secrets"
        say "rotate: the old values are back in place" >&2
        [ -z "${restarted:-}" ] || (restart_all) || say "rotate: and the service does not answer: look at its log" >&2
    fi
    rm -rf "$kept"
    exit "$status"
}

settings_load() {
    manage check >"$kept/check" 2>&1 || die "with the new value the settings do not load: $(tail -n 1 "$kept/check")"
}

# What is started here must not inherit the lock.
restart_all() {
    local names=() name
    if [ -n "${RAIOX_RESTART:-}" ]; then
        bash -c "$RAIOX_RESTART" 9>&- || return
    elif [ -d /run/systemd/system ]; then
        # Workers first: they take tasks of both keys, and the old ones only those of the old key.
        for name in raiox-worker raiox-web; do ! systemctl is-enabled --quiet "$name" || names+=("$name"); done
        [ ${#names[@]} -gt 0 ] || die "this host runs neither raiox-web nor raiox-worker"
        systemctl restart "${names[@]}" 9>&- || {
            say "rotate: ${names[*]} did not start: journalctl -u ${names[0]} -n 50" >&2
            return 1
        }
        # A worker is ready when a task came through; it has nobody who could be asked.
        [[ " ${names[*]} " = *" raiox-web "* ]] || return 0
    else
        "$code/deploy/up.sh" restart 9>&- || return
    fi
    wait_until_it_answers
}

# systemd's socket stands on 8000 whatever raiox.env says; plain processes read PORT there.
address() {
    local port=${PORT:-}
    [ -n "$port" ] || [ -d /run/systemd/system ] || port=$(setting get PORT)
    printf '%s' "${url:-http://127.0.0.1:${port:-8000}}"
}

wait_until_it_answers() {
    "$python" - "$(address)" "${RAIOX_GATE_SECONDS:-120}" <<'PY'
import http.client, sys, time
from urllib.parse import urlsplit
url, until = urlsplit(sys.argv[1]), time.monotonic() + float(sys.argv[2])
while time.monotonic() < until:
    connection = http.client.HTTPConnection(url.hostname, url.port or 80, timeout=10)
    try:
        connection.request("GET", "/healthcheck", headers={"Host": "127.0.0.1"})
        if connection.getresponse().status == 200:
            sys.exit()
    except OSError:
        pass
    finally:
        connection.close()
    time.sleep(0.5)
sys.exit(f"rotate: {sys.argv[1]}/healthcheck does not answer 200")
PY
}

apply() {
    settings_load
    [ -n "$restart" ] || return 0
    restarted=yes
    restart_all
}

rotate_secret_key() {
    local old name
    old=$(effective s.SECRET_KEY)
    if [ -n "$leaked" ]; then
        drop SECRET_KEY_FALLBACKS
        is_set RAIOX_HASH_KEY || rehash=yes
    else
        # Derived from SECRET_KEY where they are not set: they must not change with it.
        is_set RAIOX_HASH_KEY || effective s.CLIENT_HASH_KEY | write RAIOX_HASH_KEY
        is_set RAIOX_JWT_KEY || effective "s.SIMPLE_JWT['SIGNING_KEY']" | write RAIOX_JWT_KEY
        name=$(current SECRET_KEY_FALLBACKS)
        printf '%s' "$old${name:+,$name}" | write SECRET_KEY_FALLBACKS
    fi
    random | write SECRET_KEY
    apply
    if [ -n "$leaked" ]; then
        say "Everybody logs in again. Tasks that were queued are queued anew within two minutes."
        [ -z "${rehash:-}" ] || manage rehash_clients
    else
        say "Sessions and queued tasks of before stay good. After 12 hours: rotate.sh finish SECRET_KEY"
        say "(not while printed certificates of erasure must still verify: deploy/SECURITY.md)"
    fi
}

# $1: the name, $2: where the value of before is kept, $3: what the settings take it for
rotate_with_old() {
    local old
    old=$(effective "$3")
    if [ -n "$leaked" ] || [ -z "$old" ]; then drop "$2"; else printf '%s' "$old" | write "$2"; fi
    random | write "$1"
    apply
}

rotate_jwt_key() {
    rotate_with_old RAIOX_JWT_KEY RAIOX_JWT_KEY_OLD "s.SIMPLE_JWT['SIGNING_KEY']"
    if [ -n "$leaked" ]; then say "Every client of the API logs in again."; else
        say "Tokens of before stay good. After 8 hours: rotate.sh finish RAIOX_JWT_KEY"
    fi
}

rotate_webhook_token() {
    rotate_with_old RAIOX_WEBHOOK_TOKEN RAIOX_WEBHOOK_TOKEN_OLD s.RAIOX_WEBHOOK_TOKEN
    say "Register in the form at Jotform (Settings, Integrations, WebHooks), then delete the old one there:"
    say "  https://<host>/jotform/<what $(file_of RAIOX_WEBHOOK_TOKEN) holds>"
    [ -z "$leaked" ] || say "At once: until then deliveries are answered 401. Afterwards: manage.py jotform_sync"
    [ -n "$leaked" ] || say "Both are accepted until: rotate.sh finish RAIOX_WEBHOOK_TOKEN"
}

rotate_hash_key() {
    random | write RAIOX_HASH_KEY
    apply
    manage rehash_clients
    say "Backup codes of the second step are void: each person makes new ones."
}

# One role has one password: connections that are opened between the two moments are refused, and
# answered 503. README.md tells how two roles take that away.
rotate_database_password() {
    local name=DB_PASSWORD
    [ "$restart" = yes ] || die "DB_PASSWORD is changed in the database at once: without --no-restart"
    [ -n "$(setting get DB_HOST)" ] || name=DATABASE_URL
    is_set "$name" || die "neither DB_HOST nor DATABASE_URL is set"
    (umask 077 && password_in "$name" >"$kept/before" && random >"$kept/after")
    [ -s "$kept/before" ] || die "the address of the database has no password (logged in by its socket?)"
    if [ "$name" = DB_PASSWORD ]; then
        write DB_PASSWORD <"$kept/after"
    else
        current DATABASE_URL | password_replaced "$kept/before" "$kept/after" | write DATABASE_URL
    fi
    touch "$kept/in-database"
    change_password "$kept/before" "$kept/after"
    restarted=yes
    restart_all
}

# Whether the database had taken the new one is not known, where this was cut off.
old_password_again() {
    local lost
    lost=$(dirname "$env_file")/DB_PASSWORD.lost
    change_password "$kept/after" "$kept/before" 2>"$kept/said" || change_password "$kept/before" "$kept/before" && return
    install -m 600 "$kept/after" "$lost"
    say "rotate: the database may have the new password, which is kept in $lost" >&2
}

password_in() {
    if [ "$1" = DB_PASSWORD ]; then current DB_PASSWORD; else
        current DATABASE_URL | "$python" -c '
import sys
from urllib.parse import unquote, urlsplit
print(unquote(urlsplit(sys.stdin.read()).password or ""), end="")'
    fi
}

# Standard input: the address; its password of the file $1 becomes that of $2.
password_replaced() {
    "$python" -c '
import sys
from pathlib import Path
from urllib.parse import quote, urlsplit
url = sys.stdin.read()
parts = urlsplit(url)
user, place = parts.netloc.rsplit("@", 1)
login = user.split(":", 1)[0] + ":" + quote(Path(sys.argv[2]).read_text(), safe="")
print(parts._replace(netloc=login + "@" + place).geturl(), end="")' "$@"
}

# $1: file with the password to log in with, $2: file with the one to set
change_password() {
    (cd "$code" && RAIOX_ENV_FILE=$env_file RAIOX_VAR_DIR=$(var_dir) "$python" - "$1" "$2" <<'PY'
import os, sys
from pathlib import Path
os.environ["DJANGO_SETTINGS_MODULE"] = "raiox_site.settings"
sys.path.insert(0, os.getcwd())
import psycopg2
from django.conf import settings
from psycopg2 import extensions, sql
old, new = (Path(path).read_text().strip() for path in sys.argv[1:])
database = settings.DATABASES["default"]
kept = {key: value for key, value in database["OPTIONS"].items() if key.startswith("ssl")}
with psycopg2.connect(
    host=database["HOST"], port=database.get("PORT") or 5432, dbname=database["NAME"],
    user=database["USER"], password=old, connect_timeout=10, **kept,
) as connection, connection.cursor() as cursor:
    # Sent as a hash: the server's log may quote statements.
    hashed = extensions.encrypt_password(new, database["USER"], connection, "scram-sha-256")
    cursor.execute(
        sql.SQL("ALTER ROLE {} PASSWORD {}").format(
            sql.Identifier(database["USER"]), sql.Literal(hashed)
        )
    )
PY
    )
}

# Where Prometheus runs on this host; it reads the file anew at each scrape.
tell_prometheus() {
    local file=/etc/prometheus/raiox-metrics-token
    [ ! -f "$file" ] || cat "$(file_of RAIOX_METRICS_TOKEN)" >"$file"
}

rotate_given() {
    head -n 1 "$from" | tr -d '\r\n' | write "$1"
    case $1 in
        DATABASE_URL) try_database default ;;
        RAIOX_SEARCH_DATABASE_URL) try_database replica ;;
    esac
    apply
    case $1 in
        EMAIL_URL | RAIOX_TELEGRAM_TOKEN) manage notify_test ;;
        JOTFORM_API_KEY) try_jotform_key ;;
        JOTFORM_WEBHOOK_URL) say "Register the address in the form at Jotform too." ;;
    esac
}

# Before anything is restarted: a worker that reaches none is waited for in vain, for minutes.
try_database() {
    manage shell -v 0 -c "
import sys
from django.db import OperationalError, connections
try:
    connections['$1'].ensure_connection()
except OperationalError as error:
    sys.exit(str(error).splitlines()[0])" >"$kept/database" 2>&1 || die "the database does not let us in: $(tail -n 1 "$kept/database")"
}

try_jotform_key() {
    local form
    form=$(setting get JOTFORM_FORM_IDS)
    if [ -z "$form" ]; then
        say "Try it: manage.py jotform_form <form>"
    elif manage jotform_form "${form%%,*}" >"$kept/form" 2>&1; then
        say "Jotform knows the key. Delete the old one at Jotform."
    else
        die "Jotform refuses the new key: $(tail -n 1 "$kept/form")"
    fi
}

rotate_pair() {
    local second=${1%_KEY}_SECRET lines
    mapfile -t lines < <(tr -d '\r' <"$from")
    [ ${#lines[@]} -ge 2 ] || die "$1 needs two lines: the key, then its secret"
    printf '%s' "${lines[0]}" | write "$1"
    printf '%s' "${lines[1]}" | write "$second"
    if [ "$1" = DO_SPACES_KEY ]; then try_space; else try_backup_space; fi
    apply
    say "Delete the old pair at DigitalOcean."
}

# Before anything is restarted: a key of the wrong bucket would stop everything.
try_space() {
    manage shell -v 0 -c "
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage as s
name = s.save('uploads/key-trial', ContentFile(b'trial'))
s.open(name).read(); s.delete(name)" >"$kept/space" 2>&1 || die "the new pair cannot write, read and delete in the bucket: $(tail -n 1 "$kept/space")"
}

# What is listed is read, and what is written is deleted: the nightly backup does all of these.
try_backup_space() {
    [ -n "$(setting get RAIOX_BACKUP_BUCKET)" ] || return 0
    manage shell -v 0 -c "
import sys, tempfile
from pathlib import Path
from raiox_site.backup import stores
space = stores.configured()
with tempfile.NamedTemporaryFile() as trial:
    try:
        space.put(Path(trial.name), 'key-trial')
        b''.join(space.read('key-trial')); list(space.listed('')); space.delete('key-trial')
    except stores.ERRORS as error:
        sys.exit(str(stores.in_words(error, space)))" >"$kept/space" 2>&1 || die "the new pair cannot write, read, list and delete in the bucket of backups: $(tail -n 1 "$kept/space")"
}

finish() {
    local old
    case ${1:-} in
        SECRET_KEY) old=SECRET_KEY_FALLBACKS ;;
        RAIOX_JWT_KEY | RAIOX_WEBHOOK_TOKEN) old=${1}_OLD ;;
        *) die "only SECRET_KEY, RAIOX_JWT_KEY and RAIOX_WEBHOOK_TOKEN have a value of before" ;;
    esac
    is_set "$old" || { say "Nothing of before is accepted already."; return; }
    drop "$old"
    apply
    say "What $1 was before is not accepted any more."
}

adopt() {
    local name moved=""
    # shellcheck disable=SC2086
    [ $# -gt 0 ] || set -- $random_names $given_names $pair_names $other_halves $old_names
    for name in "$@"; do
        if [ -n "$(setting get "$name")" ]; then
            setting get "$name" | write "$name"
            moved="$moved $name"
        fi
    done
    settings_load
    say "Moved into $secrets:${moved:- nothing}"
}

list() {
    local name where days note
    # shellcheck disable=SC2086
    for name in $random_names $given_names $pair_names $old_names; do
        where="not set" days="" note=""
        if [ -n "$(setting get "${name}_FILE")" ]; then
            where=$(file_of "$name")
            days="$((($(date +%s) - $(stat -c %Y "$where" 2>/dev/null || date +%s)) / 86400)) days"
            [ -r "$where" ] || note="cannot be read"
        elif [ -n "$(setting get "$name")" ]; then
            where="$env_file" note="rotate.sh adopt $name"
        fi
        ! is_one_of "$name" "$old_names" || [ "$where" = "not set" ] || note="still accepted: rotate.sh finish"
        printf '%-24s %-44s %9s  %s\n' "$name" "$where" "$days" "$note"
    done
}

rotate() {
    case $1 in
        SECRET_KEY) rotate_secret_key ;;
        RAIOX_JWT_KEY) rotate_jwt_key ;;
        RAIOX_HASH_KEY) rotate_hash_key ;;
        RAIOX_WEBHOOK_TOKEN) rotate_webhook_token ;;
        DB_PASSWORD) rotate_database_password ;;
        JF_SECRET | RAIOX_METRICS_TOKEN)
            random | write "$1"
            apply
            [ "$1" != RAIOX_METRICS_TOKEN ] || tell_prometheus
            say "Give what $(file_of "$1") holds to whoever sends it, at once."
            ;;
        *)
            if is_one_of "$1" "$pair_names"; then rotate_pair "$1"; elif is_one_of "$1" "$given_names"; then
                rotate_given "$1"
            else die "$1 is no secret of ours; see rotate.sh --help"; fi
            ;;
    esac
    say "$1 is changed$([ -n "$restart" ] || printf ', and not in force until web and worker are restarted on every host')."
}

words=()
while [ $# -gt 0 ]; do
    case $1 in
        --leaked) leaked=yes ;;
        --no-restart) restart="" ;;
        --from)
            [ -r "${2:-}" ] || die "--from needs a file that can be read"
            from=$2
            shift
            ;;
        -h | --help)
            usage
            exit 0
            ;;
        -*) usage >&2 && exit 2 ;;
        *) words+=("$1") ;;
    esac
    shift
done
[ ${#words[@]} -gt 0 ] || { usage >&2 && exit 2; }
[ -f "$env_file" ] || die "there is no $env_file"
[ -x "$python" ] || die "there is no $python"
if [ "${words[0]}" = list ]; then
    list
    exit 0
fi
exec 9>>"$(dirname "$env_file")/.rotate.lock"
flock -n 9 || die "another rotation is under way"
keep_a_copy
case ${words[0]} in
    restart) restart_all ;;
    finish) finish "${words[@]:1}" ;;
    adopt) adopt "${words[@]:1}" ;;
    *) rotate "${words[0]}" ;;
esac
