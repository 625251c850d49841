# shellcheck shell=bash disable=SC2004,SC2034,SC2094,SC2154 # install.sh sets what is used here
# nginx, its certificate, and the units.

tls=/etc/raiox/tls

prepare_nginx() {
    local before=$changes made file
    folder "$tls" 0700 root:root
    folder /var/www/raiox-acme 0755 root:root
    folder /var/log/nginx/raiox 0750 root:adm
    [ -e "$tls/fullchain.pem" ] || self_signed
    made=$(mktemp -d)
    "$here/nginx/render.sh" "${option[domain]}" "$made"
    for file in "$made"/*; do
        case $file in
            */raiox.conf) put /etc/nginx/sites-available/raiox.conf 0644 root:root <"$file" ;;
            *) put "/etc/nginx/raiox/$(basename "$file")" 0644 root:root <"$file" ;;
        esac
    done
    rm -rf "$made"
    behind_balancer
    link /etc/nginx/sites-available/raiox.conf /etc/nginx/sites-enabled/raiox.conf
    # It is the default server of port 80, and so is ours.
    if [ -L /etc/nginx/sites-enabled/default ]; then
        rm /etc/nginx/sites-enabled/default
        changed "nginx's own page is gone"
    fi
    nginx -tq || stop "nginx does not take its configuration"
    put /etc/letsencrypt/renewal-hooks/deploy/raiox 0755 root:root <"$here/host/certificate-hook.sh"
    if under_systemd; then
        enable nginx.service
        if grew "$before"; then service reload-or-restart nginx.service; fi
    fi
}

# Without it all clients would be the balancer: one rate limit for all, and one ban.
behind_balancer() {
    [ -n "${option[behind]:-}" ] || return 0
    put /etc/nginx/conf.d/raiox-behind.conf 0644 root:root <<CONF
set_real_ip_from ${option[behind]};
real_ip_header X-Forwarded-For;
CONF
}

# Until there is a real one: with it nginx starts, and the proof for the real one can be fetched.
self_signed() {
    (umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
        -subj "/CN=${option[domain]}" -addext "subjectAltName=DNS:${option[domain]}" \
        -keyout "$tls/privkey.pem" -out "$tls/fullchain.pem" 2>/dev/null)
    changed "$tls/fullchain.pem (signed by nobody)"
}

ask_for_certificate() {
    local live=/etc/letsencrypt/live/${option[domain]}
    if [ ! -e "$live/fullchain.pem" ] && [ -n "${option[email]:-}" ]; then
        if certbot certonly --quiet --non-interactive --agree-tos --webroot -w /var/www/raiox-acme \
            -d "${option[domain]}" -m "${option[email]}"; then
            changed "certificate of ${option[domain]}"
        fi
    fi
    if [ ! -e "$live/fullchain.pem" ]; then
        to_do "A certificate, once ${option[domain]} leads here: deploy/install.sh --email you@example.org"
        return
    fi
    if [ "$(readlink "$tls/fullchain.pem")" != "$live/fullchain.pem" ]; then
        RENEWED_LINEAGE=$live RENEWED_DOMAINS=${option[domain]} /etc/letsencrypt/renewal-hooks/deploy/raiox
        changed "nginx shows the certificate of Let's Encrypt"
    fi
}

# Those of this host; the others are not installed, so that nobody starts them by mistake.
units() {
    case ${option[role]} in
        web) echo raiox-web.socket raiox-web.service "$(timed_units)" ;;
        worker) echo raiox-worker.service "$(timed_units)" ;;
        *) (cd "$here/systemd" && echo raiox-*.socket raiox-*.service raiox-*.timer) ;;
    esac
}

timed_units() { [ -z "${option[backups]:-}" ] || (cd "$here/systemd" && echo raiox-backup.* raiox-restore-drill.*); }

install_units() {
    local before=$changes unit names=()
    for unit in $(units); do
        put "/etc/systemd/system/$unit" 0644 root:root <"$here/systemd/$unit"
        # A service that a timer starts is not enabled itself.
        [ -e "$here/systemd/${unit%.service}.timer" ] && [ "${unit##*.}" = service ] || names+=("$unit")
    done
    if under_systemd; then
        if grew "$before"; then
            systemctl daemon-reload
            [ ! -e /opt/raiox/current ] || to_do "The units have changed: deploy/secrets/rotate.sh restart"
        fi
        enable "${names[@]}"
    else
        to_do "There is no systemd here: start web and worker with deploy/up.sh"
    fi
}

# Timers and the socket; the services start with the first release.
start_what_waits() {
    local unit
    { under_systemd && [ -e /opt/raiox/current ]; } || return 0
    for unit in $(units); do
        case $unit in *.timer | *.socket) ;; *) continue ;; esac
        systemctl is-active --quiet "$unit" && continue
        systemctl start "$unit"
        changed "started $unit"
    done
}
