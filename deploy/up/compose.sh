# shellcheck shell=bash disable=SC2154 # up.sh sets what is used here
# Containers: docker/compose.yaml.

export RAIOX_ENV_FILE=${RAIOX_ENV_FILE:-/etc/raiox/raiox.env}
conf=$(dirname "$RAIOX_ENV_FILE")
export RAIOX_SECRETS=${RAIOX_SECRETS:-$conf/secrets} RAIOX_NGINX=${RAIOX_NGINX:-$conf/nginx}
export RAIOX_TLS=${RAIOX_TLS:-$conf/tls}
dumps=${RAIOX_DUMP_DIR:-/var/lib/raiox/dumps}
# The image says which code it holds, and /health with it.
RAIOX_RELEASE=${RAIOX_RELEASE:-$(cat RELEASE 2>/dev/null ||
    git -c safe.directory='*' rev-parse --short=9 HEAD 2>/dev/null || echo unknown)}
export RAIOX_RELEASE

compose() { ${RAIOX_COMPOSE:-docker compose} -f deploy/docker/compose.yaml "$@"; }

require_settings() {
    local name
    [ -f "$RAIOX_ENV_FILE" ] || fail "The settings are missing: $RAIOX_ENV_FILE (.env.example says which)"
    for name in secret_key database_password webhook_token; do
        [ -s "$RAIOX_SECRETS/$name" ] || fail "The secret $RAIOX_SECRETS/$name is missing. Make it:" \
            "  python3 -c 'import secrets; print(secrets.token_urlsafe(48))' > $RAIOX_SECRETS/$name" \
            "  chgrp 10001 $RAIOX_SECRETS/$name; chmod 640 $RAIOX_SECRETS/$name"
    done
}

setting() { sed -n "s/^$1=//p" "$RAIOX_ENV_FILE" | tail -n 1; }

# nginx as on a host without containers; its logs go where Docker collects them, but for the one
# with addresses: fail2ban, which needs it, is not there, and Docker keeps logs by size alone.
prepare_nginx() {
    local domain
    domain=${RAIOX_DOMAIN:-$(setting ALLOWED_HOSTS | cut -d , -f 1)}
    [ -n "$domain" ] || fail "ALLOWED_HOSTS in $RAIOX_ENV_FILE names no host."
    UPSTREAM=web:8000 TLS_DIR=/etc/raiox/tls deploy/nginx/render.sh "$domain" "$RAIOX_NGINX"
    sed -i -e '/refused\.log/d' -e 's#/var/log/nginx/raiox/[a-z]*\.log raiox#/dev/stdout raiox#' \
        -e 's#/var/log/nginx/raiox/error\.log#/dev/stderr#' "$RAIOX_NGINX/raiox.conf"
    [ -s "$RAIOX_TLS/fullchain.pem" ] || make_certificate "$domain"
}

# Signed by nobody, until certbot has put a real one there (deploy/README.md).
make_certificate() {
    mkdir -p "$RAIOX_TLS"
    (umask 077 && openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj "/CN=$1" \
        -keyout "$RAIOX_TLS/privkey.pem" -out "$RAIOX_TLS/fullchain.pem" 2>/dev/null)
}

# Before what runs is replaced: its migrations may change the database.
dump_database() {
    local file running
    running=$(compose ps --status running --services 2>/dev/null || true)
    [[ $'\n'$running$'\n' = *$'\n'db$'\n'* ]] || return 0
    install -d -m 700 "$dumps"
    file=$dumps/$(date -u +%Y%m%dT%H%M%SZ)-before-$RAIOX_RELEASE.dump
    (umask 077 && compose exec -T db pg_dump --username raiox --format=custom --no-owner \
        --no-privileges raiox >"$file.part")
    mv "$file.part" "$file"
    find "$dumps" -name '*.dump' | sort -r | tail -n "+$((${RAIOX_KEEP_DUMPS:-5} + 1))" | xargs -r rm -f
}

do_up() {
    require_settings
    prepare_nginx
    dump_database
    compose up --detach --build --remove-orphans "$@"
    # A web container made anew may have another address.
    compose exec -T nginx nginx -s reload || true
}
do_keep() { compose up --detach --no-build; }
do_down() { compose down "$@"; }
do_restart() { compose restart "$@"; }
do_stop() { compose stop "$@"; }
do_compose() { compose "$@"; }
do_manage() {
    local options=()
    # cron gives no terminal.
    [ -t 0 ] || options=(--no-TTY)
    compose run --rm --no-deps "${options[@]}" web python manage.py "$@"
}

do_status() {
    compose ps --all
    compose exec -T web python deploy/docker/healthy.py web
}

do_logs() {
    local follow=(--follow)
    [ "${RAIOX_FOLLOW:-yes}" != no ] || follow=()
    compose logs --tail "${RAIOX_LOG_LINES:-100}" "${follow[@]}" "$@"
}
