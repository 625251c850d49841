#!/bin/sh
# certbot calls this after it has fetched or renewed a certificate: nginx then shows it.
set -eu
# Another certificate of this machine is none of ours.
domain=$(sed -n 's/^domain=//p' /etc/raiox/install.env)
case " ${RENEWED_DOMAINS:-} " in
    *" $domain "*) ;;
    *) exit 0 ;;
esac
ln -sfn "$RENEWED_LINEAGE/fullchain.pem" /etc/raiox/tls/fullchain.pem
ln -sfn "$RENEWED_LINEAGE/privkey.pem" /etc/raiox/tls/privkey.pem
nginx -tq
if [ -d /run/systemd/system ]; then
    systemctl reload nginx.service
elif [ -s /run/nginx.pid ]; then
    nginx -s reload
fi
