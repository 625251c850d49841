#!/usr/bin/env bash
# Real nginx in front of real gunicorn and the real worker on a database of their own: what nginx
# refuses and how, whose address is believed, slow and dead ends, kill -9, and both watchdogs.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

domain=raiox.test
http=$(free_port)
https=$(free_port)
web=$(free_port)
log=$work/log
mkdir -p "$log" "$work/tls" "$work/acme/.well-known/acme-challenge" "$work/var"
chmod 711 "$work/var"

start_database() {
    "$python" -m raiox_site.embedded_postgres url "$work/postgres" 2>"$log/postgres.log"
}
manage() { "$python" manage.py "$@"; }

set_environment() {
    local name
    for name in $(compgen -e); do
        case $name in
            RAIOX_VENV | RAIOX_CHECK*) ;;
            RAIOX_* | DATABASE_URL* | DB_* | DO_SPACES* | EMAIL* | JF_* | JOTFORM* | REDIS_URL*) unset "$name" ;;
        esac
    done
    export RAIOX_ENV=staging RAIOX_ENV_FILE=/dev/null RAIOX_VAR_DIR=$work/var HOST=127.0.0.1 PORT=$web
    # nginx's limits are what is tried; those of the application stand aside.
    export ALLOWED_HOSTS=$domain RAIOX_METRICS_TOKEN=a-token-of-the-check RAIOX_WEBHOOK_RATE='' RAIOX_API_RATE=''
    SECRET_KEY=$("$python" -c 'import secrets; print(secrets.token_urlsafe(48))')
    RAIOX_WEBHOOK_TOKEN=$("$python" -c 'import secrets; print(secrets.token_urlsafe(24))')
    export SECRET_KEY RAIOX_WEBHOOK_TOKEN
}

# Accounts and one film, as the pages of the demo have them.
fill_database() {
    manage shell -v 0 -c "from raiox_site.trial import stock; stock.fill()"
    manage collectstatic --noinput -v 0
    manage shell -v 0 -c "
from django.contrib.auth.models import Group, User
user = User.objects.create_user('leitora', password='$SECRET_KEY')
user.groups.add(Group.objects.get(name='reader'))"
}

unit() { # unit web|worker: where its journal is
    printf '%s' "$log/$1.journal"
}

# start_unit web|worker COMMAND…: sets $started to the stand-in's number
start_unit() {
    local name=$1
    shift
    setsid "$python" deploy/check/unit_stand_in.py "deploy/systemd/raiox-$name.service" "$(unit "$name")" \
        "$@" >>"$log/$name.log" 2>&1 &
    started=$!
    at_exit stop_unit "$started"
}

stop_unit() {
    kill "$1" 2>/dev/null || return 0
    within 170 gone "$1"
}
gone() { ! kill -0 "$1" 2>/dev/null; }

said() { # said web|worker PATTERN: how often its journal has it
    grep -cE -- "$2" "$(unit "$1")" 2>/dev/null || true
}
at_least() { [ "$(said "$1" "$2")" -ge "$3" ]; }
main_of() { grep -E ' started ' "$(unit "$1")" | tail -n 1 | sed 's/.* started //'; }
children_of() { pgrep -P "$1" || true; }

start_nginx() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$domain" \
        -addext "subjectAltName=DNS:$domain" -keyout "$work/tls/privkey.pem" -out "$work/tls/fullchain.pem"
    SNIPPETS=$work/nginx TLS_DIR=$work/tls STATIC_DIR=$work/var/static ACME_DIR=$work/acme LOG_DIR=$log \
        UPSTREAM=127.0.0.1:$web HTTP_PORT=$http HTTPS_PORT=$https DOOR_RATE=10r/m DOOR_BURST=15 \
        deploy/nginx/render.sh "$domain" "$work/nginx"
    mkdir -p "$work/tmp"
    cat >"$work/nginx.conf" <<CONF
pid $work/nginx.pid;
error_log $log/nginx.log;
$([ "$(id -u)" != 0 ] || echo "user www-data;")
events { worker_connections 512; }
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    client_body_temp_path $work/tmp/body;
    proxy_temp_path $work/tmp/proxy;
    fastcgi_temp_path $work/tmp/fastcgi;
    uwsgi_temp_path $work/tmp/uwsgi;
    scgi_temp_path $work/tmp/scgi;
    include $work/nginx/raiox.conf;
}
CONF
    nginx -q -t -c "$work/nginx.conf" && nginx -c "$work/nginx.conf"
    at_exit nginx -s stop -c "$work/nginx.conf"
}

# ask PATH [CURL OPTIONS…]: by TLS and by name, as a browser would
ask() {
    local path=$1
    shift
    curl -sS --max-time 60 --cacert "$work/tls/fullchain.pem" --resolve "$domain:$https:127.0.0.1" \
        --resolve "$domain:$http:127.0.0.1" "$@" "https://$domain:$https$path"
}
status() { rm -f "$work/body"; ask "$@" -o "$work/body" -D "$work/head" -w '%{http_code}' || true; }
header() { tr -d '\r' <"$work/head" | grep -i "^$1:" | cut -d ' ' -f 2- || true; }
detail() { "$python" -c 'import json,sys; print(json.load(open(sys.argv[1]))["detail"])' "$work/body" 2>&1 | tail -n 1; }
is_up() { [ "$(status /ping)" = 200 ]; }

is_json_refusal() { # is_json_refusal WHAT STATUS DETAIL GOT
    same "$1: $2" "$2" "$4"
    same "$1: in words, as JSON" "$3" "$(detail)"
    same "$1: content type" "application/json; charset=utf-8" "$(header content-type)"
    same "$1: HSTS" "max-age=31536000" "$(header strict-transport-security)"
    [ -n "$(header x-request-id)" ] || fail "$1: no X-Request-ID"
}

try_tls() {
    same "plain HTTP leads to TLS" "308 https://$domain:$https/admin/?a=1" "$(curl -sS -o /dev/null \
        -w '%{http_code} %{redirect_url}' --resolve "$domain:$http:127.0.0.1" "http://$domain:$http/admin/?a=1")"
    echo proof >"$work/acme/.well-known/acme-challenge/x"
    same "but not the proof for a certificate" proof "$(curl -sS --resolve "$domain:$http:127.0.0.1" \
        "http://$domain:$http/.well-known/acme-challenge/x")"
    same "a probe by address gets its pong" pong "$(curl -sS "http://127.0.0.1:$http/ping")"
    same "and so does a load balancer, by TLS" pong "$(curl -sSk "https://127.0.0.1:$https/ping")"
    curl -sS --max-time 5 -o /dev/null -k "https://127.0.0.1:$https/" 2>/dev/null &&
        fail "another name is answered" || ok "another name gets no answer"
    curl -sS --max-time 5 -o /dev/null --tls-max 1.1 -k --resolve "$domain:$https:127.0.0.1" \
        "https://$domain:$https/ping" 2>/dev/null && fail "TLS 1.1 is taken" || ok "TLS 1.1 is refused"
    status /admin/login/ >/dev/null
    same "one HSTS header" "max-age=31536000" "$(header strict-transport-security)"
    case $(ask /admin/login/ -o /dev/null -D - | tr -d '\r' | grep -i '^set-cookie') in
        *__Host-csrftoken*[Ss]ecure*) ok "Django knows that TLS was used" ;;
        *) fail "no __Host- cookie: Django does not know that TLS was used" ;;
    esac
}

# The application counts wrong passwords for each address: 5, then 429.
try_address() {
    local number code="" count
    for number in 1 2 3 4 5 6 7; do
        code=$(status /auth/token -H 'Content-Type: application/json' -d '{"username": "x", "password": "y"}' \
            -H "X-Forwarded-For: 198.51.100.$number" -H "Forwarded: for=198.51.100.$number" -H "X-Real-IP: 198.51.100.$number")
    done
    same "a forged X-Forwarded-For does not make somebody else of a client" 429 "$code"
    count=$(manage shell -v 0 -c "
from axes.models import AccessAttempt
print(' '.join(sorted(set(AccessAttempt.objects.values_list('ip_address', flat=True)))))")
    same "the application sees the address that nginx saw" 127.0.0.1 "$count"
}

try_bodies() {
    local code
    head -c $((2 * 1024 * 1024)) /dev/zero >"$work/two"
    head -c $((7 * 1024 * 1024)) /dev/zero >"$work/seven"
    code=$(status /implants -X POST -H 'Content-Type: application/json' --data-binary "@$work/two")
    is_json_refusal "2 MB where 1 MB is allowed" 413 "A requisição é grande demais." "$code"
    code=$(status /upload -F "file=@$work/seven")
    is_json_refusal "7 MB at a door" 413 "A requisição é grande demais." "$code"
    code=$(status /upload --http1.1 -H 'Transfer-Encoding: chunked' -F "file=@$work/seven")
    is_json_refusal "7 MB in pieces, of no announced length" 413 "A requisição é grande demais." "$code"
    # 2 MB pass nginx there, and Django says that they are no film.
    code=$(status /upload --http1.1 -H 'Transfer-Encoding: chunked' -F "file=@$work/two")
    same "2 MB in pieces reach Django whole" "415" "$code"
    code=$(status /ping --http1.1 -H "X-Long: $(head -c 40000 /dev/zero | tr '\0' x)")
    is_json_refusal "a header without end" 431 "Não foi possível processar a requisição." "$code"
    code=$(status /implants/999999)
    same "what Django refuses keeps its own words" "404" "$code"
    [ -n "$(detail)" ] && ok "and its JSON" || fail "a 404 of Django lost its JSON"
}

try_floods() {
    local codes
    # One process: starting sixty of them would be slower than the limit.
    ask '/webhook?n=[1-120]' --parallel --parallel-max 30 -o /dev/null -w '%{http_code}\n' >"$work/codes" 2>/dev/null || true
    codes=$(sort "$work/codes" | uniq -c | awk '{printf "%s times %s, ", $1, $2}')
    grep -q 429 "$work/codes" && grep -q 405 "$work/codes" && ! grep -qE '^(5|000)' "$work/codes" &&
        ok "120 knocks at once at a door: $codes" || fail "120 knocks at once at a door: $codes"
    is_json_refusal "one knock too many" 429 "Requisições demais. Tente novamente em 5 segundos." "$(status /webhook)"
    same "one knock too many: Retry-After" 5 "$(header retry-after)"
    same "other calls go on" 200 "$(status /implants)"
    within 30 door_is_open && ok "and the door opens again" || fail "the door stays closed"
}
door_is_open() { [ "$(status /webhook)" = 405 ]; }

try_slow_clients() {
    "$python" - "$https" "$domain" "$work/tls/fullchain.pem" <<'PY' >"$work/slow" && ok "fifty clients that send a byte now and then: others are served as ever" || fail "slow clients hold the service"
import socket, ssl, sys, time
port, name, bundle = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl.create_default_context(cafile=bundle)
def connect():
    plain = socket.create_connection(("127.0.0.1", port), timeout=20)
    return context.wrap_socket(plain, server_hostname=name)
slow = []
for number in range(50):
    one = connect()
    one.sendall(f"POST /upload HTTP/1.1\r\nHost: {name}\r\nContent-Length: 5000\r\n\r\nx".encode())
    slow.append(one)
answered = []
for number in range(10):
    other = connect()
    since = time.monotonic()
    other.sendall(f"GET /ping HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
    answered.append((other.recv(12), time.monotonic() - since))
    other.close()
    for one in slow:
        one.send(b"x")
    time.sleep(0.1)
print(max(seconds for _word, seconds in answered))
assert all(word.startswith(b"HTTP/1.1 200") for word, _seconds in answered), answered
assert max(seconds for _word, seconds in answered) < 2, answered
PY
}

try_files() {
    local name token code
    name=$("$python" -c "
import json, pathlib, sys
print(json.loads(pathlib.Path(sys.argv[1], 'staticfiles.json').read_text())['paths']['admin/css/base.css'])" "$work/var/static")
    same "a static file" 200 "$(status "/static/$name" -H 'Accept-Encoding: gzip' --output "$work/css.gz")"
    same "named by its content, it is kept for a year" "public, max-age=31536000, immutable" "$(header cache-control)"
    same "compressed beforehand" gzip "$(header content-encoding)"
    same "no list of static files" 404 "$(status /static/)"
    for name in /static/../secret-key /static/..%2fsecret-key; do
        same "nothing beside them: $name" 404 "$(status "$name" --path-as-is)"
    done
    for name in /media/ /var/media/ /uploads/ /static../media/; do
        same "films have no address: $name" 404 "$(status "$name")"
    done
    "$python" -c "
from PIL import Image
Image.effect_noise((600, 800), 60).save('$work/film.jpg')"
    # The first one waits for the encoder; on a busy machine it is told to come back.
    within 150 film_is_taken && ok "a film through nginx" || fail "a film through nginx: $(cat "$work/body" 2>&1)"
    same "whoever has no token sees no film" 401 "$(status /cases/1/films/1)"
    token=$(ask /auth/token -H 'Content-Type: application/json' \
        -d "{\"username\": \"leitora\", \"password\": \"$SECRET_KEY\"}" |
        "$python" -c 'import json,sys; print(json.load(sys.stdin).get("access", ""))')
    code=$(status "$(film_address)" -H "Authorization: Bearer $token")
    same "a reader does" "200 image/jpeg" "$code $(header content-type)"
    same "and nobody keeps it" "private, no-store" "$(header cache-control)"
    if [ "$(id -u)" = 0 ] && has runuser; then
        runuser -u www-data -- find "$work/var/media" -type f 2>/dev/null | grep -q . &&
            fail "nginx's user could read films" || ok "nginx's user cannot read the folder of films"
    fi
}
film_is_taken() {
    [ "$(status /upload -F "file=@$work/film.jpg;type=image/jpeg" -F client_id=check)" = 200 ]
}
film_address() {
    manage shell -v 0 -c "
from cases.models import CaseImage
one = CaseImage.objects.latest('pk')
print(f'/cases/{one.case_id}/films/{one.pk}')"
}

try_logs() {
    ask "/implants?nome=Maria+da+Silva" -o /dev/null -H 'Referer: https://x/?paciente=Maria'
    ask "/jotform/$RAIOX_WEBHOOK_TOKEN" -o /dev/null -H 'X-Forwarded-For: 203.0.113.9'
    nginx -s reopen -c "$work/nginx.conf" 2>/dev/null
    sleep 0.5
    if grep -rqE "Maria|$RAIOX_WEBHOOK_TOKEN" "$log"/access.log "$log"/refused.log "$log"/error.log; then
        fail "nginx's logs tell parameters or a secret"
    else
        ok "nginx's logs tell no parameters, no referrer and no secret"
    fi
    grep -q '127\.0\.0\.1' "$log/access.log" && fail "the access log tells addresses" || ok "the access log tells no client's address"
    "$python" -c "
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1], encoding='utf-8')]
assert any(one['path'] == '/jotform/[token]' for one in lines)" "$log/access.log" &&
        ok "every line of it is JSON" || fail "the access log is not JSON"
}

try_fail2ban() {
    local jail lines
    need fail2ban-regex "the filters of fail2ban" || return 0
    ask /wp-login.php -o /dev/null
    for jail in login probe flood; do
        lines=$(fail2ban-regex "$log/refused.log" "deploy/host/fail2ban/filter.d/raiox-$jail.conf" |
            sed -n 's/^Lines: \([0-9]*\) lines, \([0-9]*\) ignored, \([0-9]*\) matched.*/\3/p')
        if [ "${lines:-0}" -gt 0 ]; then ok "fail2ban finds raiox-$jail in our log ($lines lines)"; else fail "fail2ban finds nothing for raiox-$jail"; fi
    done
    fail2ban-regex '2026-11-22T10:00:00+00:00 203.0.113.7 401 POST /jotform/[token]' \
        deploy/host/fail2ban/filter.d/raiox-login.conf | grep '1 matched' >/dev/null &&
        fail "a wrong webhook secret bans Jotform" || ok "a wrong webhook secret bans nobody: it would be Jotform"
}

try_dead_ends() {
    local before code since
    # The one who would start it anew is held while all of it is killed.
    kill -STOP "$stand_in_web"
    kill_below "$stand_in_web"
    within 10 refuses_connections || fail "something still listens after kill -9"
    code=$(status /implants)
    is_json_refusal "nobody behind nginx" 502 "O serviço está reiniciando. Tente novamente em alguns segundos." "$code"
    same "nobody behind nginx: Retry-After" 5 "$(header retry-after)"
    code=$(status /admin/ -H 'Accept: text/html')
    same "people get a page" "502 text/html" "$code $(header content-type | cut -d ';' -f 1)"
    grep -q 'está reiniciando' "$work/body" && ok "in Portuguese" || fail "the page is not ours"
    kill -CONT "$stand_in_web"
    since=$SECONDS
    within 90 is_up && ok "web is back $((SECONDS - since)) s later" || fail "web does not come back"
    before=$(said web ' started ')
    [ "$before" -ge 2 ] && ok "by a new start of the unit" || fail "the unit did not start web anew"
}
kill_below() {
    "$python" -c "
import psutil, sys
for process in psutil.Process(int(sys.argv[1])).children(recursive=True):
    process.kill()" "$1"
}
refuses_connections() { ! curl -s --max-time 2 -o /dev/null "http://127.0.0.1:$web/ping"; }

try_web_watchdog() {
    local main gunicorn beats since
    main=$(main_of web)
    gunicorn=$(children_of "$main")
    beats=$(said web 'WATCHDOG=1')
    within 20 at_least web 'WATCHDOG=1' $((beats + 2)) && ok "web says that it is alive" || fail "web does not say that it is alive"
    # Only the process that answers requests; its parent and the watcher go on.
    pkill -STOP -P "$gunicorn"
    sleep 2
    beats=$(said web 'WATCHDOG=1')
    since=$SECONDS
    within 40 at_least web ' watchdog$' 1 && ok "web hangs, and is ended by its watchdog after $((SECONDS - since)) s" || fail "a hanging web process is not ended"
    same "no sign of life in between" "$beats" "$(sed '/ watchdog$/q' "$(unit web)" | grep -c 'WATCHDOG=1')"
    within 90 is_up && ok "and answers again $((SECONDS - since)) s after it hung" || fail "web does not come back"
}

cluster_pid() { "$python" -c "import json; print(json.load(open('$work/var/run/worker.json'))['pgid'])"; }
another_cluster() { [ "$(cluster_pid)" != "$1" ]; }
beat_after() { # whether a heartbeat row is younger than $1
    manage shell -v 0 -c "
import sys
from raiox_site import heartbeat
last = heartbeat.last()
sys.exit(not (last and last.timestamp() > $1))"
}

try_worker_watchdog() {
    local cluster beats since
    within 60 at_least worker 'READY=1' 1 && ok "the worker is ready when a task came through" || fail "the worker is never ready"
    beats=$(said worker 'WATCHDOG=1')
    within 45 at_least worker 'WATCHDOG=1' $((beats + 2)) && ok "and says so with every proof" || fail "the worker says nothing"
    within 60 beat_after 0 && ok "heartbeat rows are written" || fail "no heartbeat"

    # As libraries.md, section 1, row 2: every process lives, and no task comes through.
    cluster=$(cluster_pid)
    hang_task_processes
    sleep 3
    beats=$(said worker 'WATCHDOG=1')
    sleep 12
    same "task processes hang: no sign of life any more" "$beats" "$(said worker 'WATCHDOG=1')"
    since=$SECONDS
    within 60 another_cluster "$cluster" && ok "the cluster is replaced $((SECONDS - since + 15)) s after it hung" || fail "a cluster that hangs stays"
    within 60 at_least worker 'WATCHDOG=1' $((beats + 1)) && ok "and the new one gives proof" || fail "the new cluster gives no proof"
    if [ "$SHORT" = 1 ]; then
        not_run "a watcher that hangs too" "its watchdog takes minutes; deploy/check.sh 20-web does it"
    else
        try_hanging_watcher
    fi
    beats=$(said worker ' started ')
    cluster=$(cluster_pid)
    kill -KILL "$(main_of worker)"
    within 30 at_least worker ' started ' $((beats + 1)) && ok "kill -9 of the worker: started anew" || fail "kill -9 of the worker ends it"
    within 60 another_cluster "$cluster" && within 30 alone "$cluster" && ok "one cluster, the new one" || fail "two clusters, or none"
}
try_hanging_watcher() {
    local now cluster
    now=$(date +%s)
    within 100 beat_after "$now" && ok "heartbeats go on" || fail "no heartbeat after the replacement"

    cluster=$(cluster_pid)
    kill -STOP "$(main_of worker)"
    within 140 at_least worker ' watchdog$' 1 && ok "the watcher hangs too: ended by the watchdog of the unit" || fail "a hanging watcher stays"
    within 60 another_cluster "$cluster" && ok "and all of it started anew" || fail "nothing started anew"
    within 60 alone "$cluster" && ok "nothing of the old cluster is left" || fail "processes of the old cluster live"
}
# Who is dead and was not fetched by its parent does not count.
alone() { [ -z "$(ps -eo pgid=,stat= | awk -v group="$1" '$1 == group && $2 !~ /^Z/')" ]; }

# The task processes are the two that the sentinel made first.
hang_task_processes() {
    local main sentinel
    main=$(cluster_pid)
    sentinel=$(children_of "$main" | head -n 1)
    children_of "$sentinel" | sort -n | head -n 2 | xargs kill -STOP
}

try_stops() {
    local since
    since=$SECONDS
    stop_unit "$stand_in_worker" && ok "the worker ends $((SECONDS - since)) s after SIGTERM" || fail "the worker does not end"
    same "with status 0" "ended 0" "$(tail -n 2 "$(unit worker)" | head -n 1 | cut -d ' ' -f 2-)"
    since=$SECONDS
    stop_unit "$stand_in_web" && ok "web ends $((SECONDS - since)) s after SIGTERM" || fail "web does not end"
    same "with status 0" "ended 0" "$(tail -n 2 "$(unit web)" | head -n 1 | cut -d ' ' -f 2-)"
    refuses_connections && ok "nobody listens any more" || fail "a process still listens"
}

need nginx "nginx in front of gunicorn" || exit 0
set_environment
DATABASE_URL=$(start_database) || die "PostgreSQL does not start: $(tail -n 1 "$log/postgres.log")"
export DATABASE_URL
at_exit "$python" -m raiox_site.embedded_postgres stop "$work/postgres"
try "a database of its own is filled" fill_database
chmod 755 "$work/var/static"
try "nginx -t, and nginx starts" start_nginx
WATCHDOG_S=15 start_unit web "$python" -m raiox_site.web_service
stand_in_web=$started
WATCHDOG_S=100 start_unit worker "$python" manage.py worker --grace 125 --stall 30
stand_in_worker=$started
within 90 is_up || die "web does not answer: $(tail -n 3 "$log/web.log")"
ok "web answers through nginx"
try_tls
try_bodies
try_files
try_address
try_floods
try_slow_clients
try_logs
try_fail2ban
try_worker_watchdog
try_web_watchdog
try_dead_ends
try_stops
