# shellcheck shell=bash disable=SC2004,SC2034,SC2094,SC2154 # install.sh sets what is used here
# PostgreSQL with pgvector on this machine, or the address of another one.

postgres=18
least_vector=0.8.4
pgdg_key=B97B0AFCAA1A47F044F244A07FCC7D46ACCC4CF8

prepare_database() {
    local url=$secrets/DATABASE_URL
    if [ -n "${option[database-url-file]:-}" ]; then
        # What stands there already is kept: it may have been changed since.
        [ -s "$url" ] || put "$url" 0640 root:raiox <"${option[database-url-file]}"
        own "$url" 0640 root:raiox
    elif [ "${option[role]}" != all ]; then
        stop "--role ${option[role]} needs --database-url-file"
    elif [ ! -s "$url" ] || grep -q '%2Fpostgresql/' "$url"; then
        install_postgres
        # By the socket, as the user that the process runs as: there is no password to keep.
        [ -s "$url" ] || put "$url" 0640 root:raiox <<<'postgresql://raiox@%2Fvar%2Frun%2Fpostgresql/raiox'
    fi
}

install_postgres() {
    has_candidate || add_pgdg
    # The cluster is made as soon as the package is there; nothing of it listens outside.
    packages "postgresql-$postgres" "postgresql-$postgres-pgvector"
    under_systemd || pg_ctlcluster "$postgres" main start 2>/dev/null || true
    require_vector
    as_postgres -c "SELECT 1 FROM pg_roles WHERE rolname = 'raiox'" | grep -q 1 || {
        # CREATEDB: the restore drill fills a database of its own.
        as_postgres -c "CREATE ROLE raiox LOGIN CREATEDB" >/dev/null
        changed "database role raiox"
    }
    as_postgres -c "SELECT 1 FROM pg_database WHERE datname = 'raiox'" | grep -q 1 || {
        as_postgres -c "CREATE DATABASE raiox OWNER raiox TEMPLATE template0 ENCODING 'UTF8'" >/dev/null
        changed "database raiox"
    }
    # Only a superuser may; what the restore drill makes is a copy of template1.
    local name
    for name in raiox template1; do
        (cd / && runuser -u postgres -- psql -XqtA -v ON_ERROR_STOP=1 -d "$name" \
            -c "SET client_min_messages = warning; CREATE EXTENSION IF NOT EXISTS vector") >/dev/null
    done
}

as_postgres() { (cd / && runuser -u postgres -- psql -XqtA "$@" postgres); }

candidate() {
    apt-cache policy "postgresql-$postgres-pgvector" 2>/dev/null | sed -n 's/^ *Candidate: *//p' | grep -v none || true
}
has_candidate() {
    fetch_list
    dpkg --compare-versions "$(candidate)" ge "$least_vector"
}

# Neither Debian nor Ubuntu has pgvector >= 0.8.4; this is where PostgreSQL itself publishes both.
add_pgdg() {
    local ring=/usr/share/keyrings/raiox-pgdg.gpg
    [ -s "$ring" ] || trusted_key https://www.postgresql.org/media/keys/ACCC4CF8.asc "$pgdg_key" "$ring"
    put /etc/apt/sources.list.d/raiox-pgdg.list 0644 root:root <<LIST
deb [signed-by=$ring] https://apt.postgresql.org/pub/repos/apt $system_codename-pgdg main
LIST
    fetched_list=""
}

require_vector() {
    local version
    version=$(as_postgres -c "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'")
    dpkg --compare-versions "${version:-0}" ge "$least_vector" ||
        stop "pgvector ${version:-none} is older than $least_vector, which mends indexes that lose rows"
}
