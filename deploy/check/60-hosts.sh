#!/usr/bin/env bash
# Several machines: two web and two worker hosts (network namespaces) on one database, bucket and
# Jotform, one of them cut off, one killed, PostgreSQL restarted; a real read replica for the
# search; the real PgBouncer, with and without sessions of one's own.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

export RAIOX_ENV=development RAIOX_ENV_FILE=/dev/null RAIOX_VAR_DIR=$work/var RAIOX_VENV
# The embedded PostgreSQL of the commands; the trials have servers of their own.
at_exit "$python" -m raiox_site.embedded_postgres stop "$RAIOX_VAR_DIR/postgres"

# --- A read replica for the search: it mostly waits, and so beside the hosts -------------------
"$python" manage.py try_replica >"$work/replica.txt" 2>&1 &
replica=$!

# --- Hosts --------------------------------------------------------------------------------------
hosts() {
    if [ "$(id -u)" != 0 ]; then
        not_run "two web and two worker hosts" "network namespaces need root"
    elif ! unshare --net true 2>/dev/null; then
        not_run "two web and two worker hosts" "this kernel or container allows no namespaces"
    elif [ "$SHORT" = 1 ]; then
        try "60 cases, one host cut off, one killed, PostgreSQL restarted: all exactly once" \
            "$python" manage.py try_hosts --cases 60 --rate 6 --cut-seconds 35
    else
        try "500 cases, one host cut off, one killed, PostgreSQL restarted: all exactly once" \
            "$python" manage.py try_hosts
    fi
}
need ip "two web and two worker hosts" && need iptables "two web and two worker hosts" && hosts

if wait "$replica"; then
    grep '^ok' "$work/replica.txt"
else
    fail "a read replica: $(tail -n 3 "$work/replica.txt")"
fi

# --- PgBouncer ----------------------------------------------------------------------------------
# bouncer MODE: a PgBouncer before the embedded server; its address is then in $address.
bouncer() {
    local port socket
    port=$(free_port)
    socket=$("$python" -m raiox_site.embedded_postgres url "$RAIOX_VAR_DIR/postgres" |
        sed 's/.*host=//')
    cat >"$work/bouncer-$1.ini" <<INI
[databases]
raiox = host=$socket port=5432 user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = any
pool_mode = $1
; A host that was cut off: its sessions, and so their locks, end within half a minute.
tcp_keepalive = 1
tcp_keepidle = 10
tcp_keepintvl = 5
tcp_keepcnt = 3
tcp_user_timeout = 25000
INI
    chmod 644 "$work/bouncer-$1.ini"
    local as=()
    # It refuses to be root; the server's own user may use its socket.
    [ "$(id -u)" != 0 ] || as=(-u "$(stat -c %U "$socket")")
    pgbouncer "${as[@]}" -q "$work/bouncer-$1.ini" >"$work/bouncer-$1.log" 2>&1 &
    at_exit kill $!
    address=postgresql://postgres@127.0.0.1:$port/raiox
    within 10 reaches "$address"
}
reaches() { "$python" -c 'import sys, psycopg2; psycopg2.connect(sys.argv[1]).close()' "$1"; }
told() {
    DATABASE_URL=$address "$python" manage.py shell -v 0 -c '
from django.db import connection
cursor = connection.cursor()
cursor.execute("SHOW hnsw.ef_search")
assert cursor.fetchone() == ("100",), "hnsw.ef_search is not set"
cursor.execute("SHOW idle_in_transaction_session_timeout")
assert cursor.fetchone() == ("10min",), "the session was not told"
'
}
checked() { DATABASE_URL=$address "$python" manage.py check --database default; }

if need pgbouncer "PgBouncer"; then
    "$python" -m raiox_site.embedded_postgres url "$RAIOX_VAR_DIR/postgres" >/dev/null
    if bouncer session; then
        try "PgBouncer with sessions of one's own takes what our sessions ask for" told
        try "and is accepted" checked
    else
        fail "PgBouncer (session) does not answer: $(tail -n 2 "$work/bouncer-session.log")"
    fi
    if bouncer transaction; then
        if checked >"$work/.checked" 2>&1; then
            fail "PgBouncer that shares sessions is accepted"
        elif grep -q raiox_site.E001 "$work/.checked"; then
            ok "PgBouncer that shares sessions (pool_mode = transaction) is refused: E001"
        else
            fail "PgBouncer (transaction): $(tail -n 2 "$work/.checked")"
        fi
        if DATABASE_URL=$address "$python" manage.py migrate >"$work/.checked" 2>&1; then
            fail "migrate goes through a PgBouncer that shares sessions"
        else
            ok "and migrate, with which every installation begins, ends there"
        fi
    else
        fail "PgBouncer (transaction) does not answer: $(tail -n 2 "$work/bouncer-transaction.log")"
    fi
fi

# --- A GPU --------------------------------------------------------------------------------------
if has nvidia-smi && nvidia-smi -L 2>/dev/null | grep -q GPU; then
    try "the encoder computes the same on the GPU and on the processor" \
        "$python" manage.py try_device
else
    not_run "the encoder on a GPU" "this machine has none"
fi
