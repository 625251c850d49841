# shellcheck shell=bash disable=SC2016,SC2154 # common.sh sets what is used here; others expand it
# What the key of the workflow may do on a host, and what not.

printf '#!/bin/sh\nprintf "%%s|" "$@"\n' >"$work/release"
chmod +x "$work/release"
received() {
    SSH_ORIGINAL_COMMAND=$1 RAIOX_RELEASE_SCRIPT=$work/release RAIOX_AS_ROOT="" \
        deploy/release/receive.sh 2>/dev/null || echo refused
}
same "the key may deploy" "deploy|--name|20261122T1200Z-abc|-|" "$(received 'deploy --name 20261122T1200Z-abc -')"
same "and contract" "deploy|--name|a|--contract|-|" "$(received 'deploy --name a --contract -')"
same "and roll back" "rollback|" "$(received rollback)"
same "and ask" "status|" "$(received status)"
for asked in "" bash "status; id" 'deploy --name $(id) -' "deploy --name ../x -" "deploy --name a /etc" \
    "rollback --database /var/lib/raiox/dumps/x.dump --yes" $'status\nid' "list -h"; do
    same "but not: ${asked@Q}" refused "$(received "$asked")"
done

# deploy.yml, its own commands, against a real sshd of this machine.
try_over_ssh() {
    local port sshd=$work/sshd
    mkdir -p "$sshd" /run/sshd
    ssh-keygen -q -t ed25519 -N "" -f "$sshd/host"
    ssh-keygen -q -t ed25519 -N "" -f "$sshd/key"
    ssh-keygen -q -t ed25519 -N "" -f "$sshd/other"
    printf '#!/bin/sh\nprintf "%%s|" "$@"; [ "$1" != deploy ] || cat >%s/received\n' "$sshd" >"$sshd/release"
    chmod +x "$sshd/release"
    printf 'restrict,command="RAIOX_RELEASE_SCRIPT=%s RAIOX_AS_ROOT= %s" %s\n' "$sshd/release" \
        "$root/deploy/release/receive.sh" "$(cat "$sshd/key.pub")" >"$sshd/authorized_keys"
    port=$(free_port)
    /usr/sbin/sshd -D -e -f /dev/null -h "$sshd/host" -p "$port" -o ListenAddress=127.0.0.1 -o UsePAM=no \
        -o StrictModes=no -o PidFile=none -o "AuthorizedKeysFile=$sshd/authorized_keys" \
        -o PermitRootLogin=prohibit-password >"$sshd/log" 2>&1 &
    at_exit kill $!
    within 10 ssh-keyscan -p "$port" 127.0.0.1
    over_ssh() {
        env RUNNER_TEMP="$work/runner" GITHUB_STEP_SUMMARY="$work/summary" KEY="$(cat "$sshd/key")" \
            KNOWN_HOSTS="$1" HOST=127.0.0.1 LOGIN="$(id -un)" PORT="$port" ACTION="$2" CONTRACT="" \
            bash -e -o pipefail -c '. "$1" && . "$2"' bash "$work/blocks/deploy-deploy-1.sh" \
            "$work/blocks/deploy-deploy-2.sh" 2>"$work/ssh.err" || echo "refused: $(tail -n 1 "$work/ssh.err" | tr -d '\r')"
    }
    known="[127.0.0.1]:$port $(cut -d ' ' -f 1,2 "$sshd/host.pub")"
    same "deploy.yml asks over SSH" "status|" "$(over_ssh "$known" status)"
    case $(over_ssh "$known" deploy) in
        "deploy|--name|20"*"|-|") ok "deploy.yml sends a release over SSH" ;;
        *) fail "deploy.yml sends no release: $(cat "$work/ssh.err")" ;;
    esac
    if gzip -dc "$sshd/received" | tar -t | grep -x manage.py >/dev/null; then
        ok "and the code arrives"
    else
        fail "the code does not arrive"
    fi
    same "a host with another key gets nothing" "refused: Host key verification failed." \
        "$(over_ssh "[127.0.0.1]:$port $(cut -d ' ' -f 1,2 "$sshd/other.pub")" deploy)"
    case $(over_ssh "" deploy) in
        *refused*) ok "without a pinned host nothing is sent" ;;
        *) fail "something is sent to a host that is not pinned" ;;
    esac
}
if [ "$(id -u)" = 0 ] && [ -x /usr/sbin/sshd ] && has ssh; then
    try_over_ssh
else
    not_run "deploy.yml over SSH" "needs root, sshd and ssh"
fi
