#!/usr/bin/env bash
# The only thing that the key of the deploy workflow may do on a host. In the authorized_keys of the
# user for deployments:
#
#   restrict,command="/opt/raiox/current/deploy/release/receive.sh" ssh-ed25519 AAAA… deploy
#
# and in /etc/sudoers.d/raiox-deploy (visudo -cf checks it):
#
#   deploy ALL=(root) NOPASSWD: /opt/raiox/current/deploy/release.sh
#
# What the client asks for arrives in SSH_ORIGINAL_COMMAND: deploy --name NAME [--contract] -,
# rollback [--to NAME], recover, status, list. Going back in the database is for people.
set -euo pipefail

release=${RAIOX_RELEASE_SCRIPT:-/opt/raiox/current/deploy/release.sh}
name='[A-Za-z0-9][A-Za-z0-9._-]{0,62}'
asked=${SSH_ORIGINAL_COMMAND:-}

if [[ ! $asked =~ ^(deploy\ --name\ $name(\ --contract)?\ -|rollback(\ --to\ $name)?|recover|status|list)$ ]]; then
    echo "Not allowed here." >&2
    exit 2
fi
# shellcheck disable=SC2086 # the words of what was just judged
exec ${RAIOX_AS_ROOT-sudo -n} "$release" $asked
