#!/usr/bin/env bash
# Sets up a bare machine (Debian 12 or 13, Ubuntu 22.04 or 24.04) for Raiox AI. As root, from a
# folder with the code:
#
#   deploy/install.sh --domain raiox.example.org [OPTIONS]
#
#   --staging             RAIOX_ENV=staging (default: production)
#   --role all|web|worker what this host runs (default: all); further hosts need --database-url-file
#   --database-url-file F the address of a PostgreSQL with pgvector >= 0.8.4, in a file; without
#                         it PostgreSQL 18 and pgvector are installed here, from apt.postgresql.org
#   --backups             this host also makes the nightly backup and the drill: one of those with
#                         --role web or worker; --role all always does
#   --behind NETWORK      a load balancer of this network (10.30.0.0/24) stands in front: clients are
#                         who it says in X-Forwarded-For
#   --email ADDRESS       asks Let's Encrypt for a certificate with certbot; the domain must lead here
#   --python FILE         a Python >= 3.11. Without it the system's own; Ubuntu 22.04 has only 3.10:
#                         there python3.12 comes from the PPA of deadsnakes (see deploy/host/README.md)
#   --no-firewall  --no-fail2ban  --no-upgrades  --no-sshd    leave these alone
#   --no-release          install no code (this time only)
#   --release SOURCE      the first release from there (deploy/release.sh; default: this folder)
#
# Can be repeated: it changes only what differs, says each change in a line, and at the end what
# is left to do. Options are remembered in /etc/raiox/install.env. Never overwritten: settings
# and secrets in /etc/raiox, data, certificates; a firewall only gets rules added.
#
# Layout: code /opt/raiox, settings /etc/raiox/raiox.env, secrets /etc/raiox/secrets/, data
# /var/lib/raiox, logs in the journal and /var/log/nginx/raiox.
set -euo pipefail
shopt -s inherit_errexit
umask 022

script=$(readlink -f "${BASH_SOURCE[0]}")
here=$(dirname "$script")
source_folder=$(dirname "$here")
# shellcheck source=install/common.sh
. "$here/install/common.sh"
# shellcheck source=install/packages.sh
. "$here/install/packages.sh"
# shellcheck source=install/settings.sh
. "$here/install/settings.sh"
# shellcheck source=install/database.sh
. "$here/install/database.sh"
# shellcheck source=install/web.sh
. "$here/install/web.sh"
# shellcheck source=install/host.sh
. "$here/install/host.sh"

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$script"; }

read_options() {
    while [ $# -gt 0 ]; do
        case $1 in
            --domain | --role | --database-url-file | --behind | --email | --python | --release)
                [ $# -ge 2 ] || stop "$1 needs a value"
                given[${1#--}]=$2
                shift
                ;;
            --staging) given[env]=staging ;;
            --backups | --no-firewall | --no-fail2ban | --no-upgrades | --no-sshd | --no-release) given[${1#--}]=yes ;;
            -h | --help)
                usage
                exit 0
                ;;
            *) stop "unknown: $1 (deploy/install.sh --help)" ;;
        esac
        shift
    done
}

declare -A given=() option=()
read_options "$@"
[ "$(id -u)" = 0 ] || stop "only root can do this"
know_system
recall_options
case ${option[role]} in all | web | worker) ;; *) stop "--role is all, web or worker" ;; esac
is_host_name "${option[domain]:-}" || stop "--domain is missing, or is not the name of a host"
is_network "${option[behind]:-0.0.0.0}" || stop "--behind is a network, such as 10.30.0.0/24"
remember_options

install_packages
find_python
make_user_and_folders
prepare_database
write_settings
[ "${option[role]}" = worker ] || prepare_nginx
install_units
install_logrotate
[ -n "${option[no-firewall]:-}" ] || prepare_firewall
[ -n "${option[no-fail2ban]:-}" ] || prepare_fail2ban
[ -n "${option[no-upgrades]:-}" ] || prepare_upgrades
[ -n "${option[no-sshd]:-}" ] || prepare_sshd
[ "${option[role]}" = worker ] || ask_for_certificate
[ -n "${option[no-release]:-}" ] || first_release
start_what_waits
say_what_is_left
