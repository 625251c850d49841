#!/usr/bin/env bash
# Writes the configuration of nginx for one host. Usage: deploy/nginx/render.sh DOMAIN FOLDER
#
# Puts raiox.conf (for sites-enabled) and the files that it includes into FOLDER. Says nothing.
# The environment may change what stands in it (the defaults are those of deploy/install.sh):
#
#   SNIPPETS    where the included files will lie           /etc/nginx/raiox
#   TLS_DIR     fullchain.pem and privkey.pem               /etc/raiox/tls
#   STATIC_DIR  what collectstatic wrote                    /var/lib/raiox/static
#   ACME_DIR    where certbot --webroot writes              /var/www/raiox-acme
#   LOG_DIR     access.log, refused.log, error.log          /var/log/nginx/raiox
#   UPSTREAM    gunicorn                                    127.0.0.1:8000
#   DOOR_RATE, DOOR_BURST, OTHER_RATE   per client          20r/s, 100, 50r/s
#   HTTP_PORT, HTTPS_PORT                                   80, 443
set -euo pipefail

if [ $# -ne 2 ]; then
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
    exit 2
fi
domain=$1
folder=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
case $domain in
    *[!A-Za-z0-9.-]* | "" | .* | -*)
        echo "Not the name of a host: $domain" >&2
        exit 2
        ;;
esac
https_port=${HTTPS_PORT:-443}
redirect_port=""
[ "$https_port" = 443 ] || redirect_port=:$https_port

rendered() {
    sed -e "s|@DOMAIN@|$domain|g" \
        -e "s|@SNIPPETS@|${SNIPPETS:-/etc/nginx/raiox}|g" \
        -e "s|@TLS_DIR@|${TLS_DIR:-/etc/raiox/tls}|g" \
        -e "s|@STATIC_DIR@|${STATIC_DIR:-/var/lib/raiox/static}|g" \
        -e "s|@ACME_DIR@|${ACME_DIR:-/var/www/raiox-acme}|g" \
        -e "s|@LOG_DIR@|${LOG_DIR:-/var/log/nginx/raiox}|g" \
        -e "s|@UPSTREAM@|${UPSTREAM:-127.0.0.1:8000}|g" \
        -e "s|@DOOR_RATE@|${DOOR_RATE:-20r/s}|g" \
        -e "s|@DOOR_BURST@|${DOOR_BURST:-100}|g" \
        -e "s|@OTHER_RATE@|${OTHER_RATE:-50r/s}|g" \
        -e "s|@HTTP_PORT@|${HTTP_PORT:-80}|g" \
        -e "s|@HTTPS_PORT@|$https_port|g" \
        -e "s|@REDIRECT_PORT@|$redirect_port|g" "$1"
}

umask 022
mkdir -p "$folder"
for file in "$here"/raiox.conf "$here"/snippets/*; do
    rendered "$file" >"$folder/$(basename "$file")"
done
