# shellcheck shell=bash disable=SC2004,SC2034,SC2094,SC2154 # install.sh sets what is used here
# What protects the machine: deploy/host/README.md says why, and how to get in again.

install_logrotate() {
    local before
    put /etc/logrotate.d/raiox 0644 root:root <"$here/host/logrotate.conf"
    before=$changes
    put /etc/systemd/journald.conf.d/raiox.conf 0644 root:root <"$here/host/journald.conf"
    # What is kept in memory only would be lost with the next start of the machine.
    if grew "$before" && under_systemd; then
        systemctl restart systemd-journald.service
        journalctl --flush || true
    fi
}

# What other people have allowed stays; SSH is let in first, on the port where sshd listens.
prepare_firewall() {
    local port rules
    rules=$(ufw show added 2>/dev/null || true)
    for port in $(ssh_ports); do allow "$rules" limit "$port/tcp"; done
    if [ "${option[role]}" != worker ]; then
        allow "$rules" allow 80/tcp
        allow "$rules" allow 443/tcp
    fi
    ufw status 2>/dev/null | grep -q '^Status: active' && return
    if ! ufw --force enable >/dev/null 2>"$firewall_log"; then
        to_do "The firewall cannot be started here ($(tail -n 1 "$firewall_log")): ufw enable"
    else
        changed "firewall: nothing comes in but $(ufw show added | sed -n 's/^ufw //p' | paste -sd ',')"
    fi
}
firewall_log=$(mktemp)

allow() {
    grep -qxF "ufw $2 $3" <<<"$1" && return
    ufw "$2" "$3" >/dev/null
    changed "firewall: $2 $3"
}

ssh_ports() {
    local found=""
    if has sshd; then
        mkdir -p /run/sshd
        found=$(sshd -T 2>/dev/null | sed -n 's/^port //p')
    fi
    printf '%s\n' "${found:-22}"
}

prepare_fail2ban() {
    local before=$changes file
    for file in "$here"/host/fail2ban/filter.d/*; do
        put "/etc/fail2ban/filter.d/$(basename "$file")" 0644 root:root <"$file"
    done
    put /etc/fail2ban/jail.d/raiox.conf 0644 root:root < <(jails)
    fail2ban-client -t >/dev/null 2>&1 || stop "fail2ban does not take its configuration: fail2ban-client -t"
    under_systemd || return 0
    enable fail2ban.service
    if grew "$before" || ! systemctl is-active --quiet fail2ban; then service restart fail2ban.service; fi
}

# A jail whose log is not there keeps fail2ban from starting.
jails() {
    if [ "${option[role]}" != worker ]; then
        # nginx makes it with the first request.
        [ -e /var/log/nginx/raiox/refused.log ] || install -m 640 -o root -g adm /dev/null /var/log/nginx/raiox/refused.log
        sed "s|^ignoreip = .*|& ${option[behind]:-}|;s| *$||" "$here/host/fail2ban/jail.d/raiox.conf"
    else
        sed '/^\[raiox-/,$d' "$here/host/fail2ban/jail.d/raiox.conf"
    fi
}

prepare_upgrades() {
    put /etc/apt/apt.conf.d/52raiox-upgrades 0644 root:root <"$here/host/unattended-upgrades.conf"
    apt-config dump >/dev/null || stop "apt does not take its configuration"
    if under_systemd; then enable unattended-upgrades.service apt-daily.timer apt-daily-upgrade.timer; fi
}

# Only where somebody can log in with a key: else nobody could afterwards.
prepare_sshd() {
    local file=/etc/ssh/sshd_config.d/00-raiox.conf before=$changes
    has sshd || return 0
    if ! has_key; then
        to_do "Put your SSH key into ~/.ssh/authorized_keys, then run deploy/install.sh again: it closes logins by password"
        return
    fi
    put "$file" 0644 root:root <"$here/host/sshd.conf"
    mkdir -p /run/sshd
    if ! sshd -t; then
        rm -f "$file"
        stop "sshd does not take $file"
    fi
    if grew "$before" && under_systemd; then systemctl reload ssh.service || true; fi
}

# Of an account that may become root: root itself, or a member of sudo.
has_key() {
    local name home
    for name in root $(getent group sudo | cut -d: -f4 | tr ',' ' '); do
        home=$(getent passwd "$name" | cut -d: -f6)
        grep -qsE '^[^#]*(ssh-|ecdsa-|sk-)' "$home/.ssh/authorized_keys" && return
    done
    return 1
}
