# shellcheck shell=bash disable=SC2154 # common.sh sets what is used here
# Dumps before migrations, and going back to one.

pg() {
    as_user "$home/releases/$1" timeout "$step_seconds" .venv/bin/python deploy/release/pg.py "${@:2}"
}

# dump_database RELEASE LABEL: `dumped` names the file then. The dump is read back before it counts.
dump_database() {
    install -d -m 700 -o "$user" "$dump_dir"
    dumped=$dump_dir/$(date -u +%Y%m%dT%H%M%SZ)-$2.dump
    logged "pg_dump" pg "$1" pg_dump --format=custom --no-owner --no-privileges --file="$dumped.part"
    logged "reading the dump back" pg "$1" pg_restore --file=/dev/null "$dumped.part"
    chmod 600 "$dumped.part"
    sync "$dumped.part"
    mv "$dumped.part" "$dumped"
}

prune_dumps() {
    find "$dump_dir" -name '*.dump' -mtime "+${RAIOX_KEEP_DUMP_DAYS:-30}" -delete
    find "$dump_dir" -name '*.part' -delete
    list_dumps | tail -n "+$((${RAIOX_KEEP_DUMPS:-5} + 1))" | while read -r file; do rm -f "$file"; done
}

list_dumps() { find "$dump_dir" -name '*.dump' 2>/dev/null | sort -r; }

# restore_database RELEASE DUMP: in one transaction, so that it is all of it or nothing. Nobody may
# be writing. The script is made first: psql would commit what a broken pipe cut off.
restore_database() {
    local sql=$dump_dir/.restore.sql
    [ -s "$2" ] || die "no such dump: $2"
    rm -f "$sql" "$sql.part"
    logged "pg_restore" pg "$1" pg_restore --no-owner --no-privileges --no-comments \
        --file="$sql.part" "$2"
    install -m 600 -o "$user" /dev/null "$sql"
    cat "$home/releases/$1/deploy/release/empty.sql" "$sql.part" >"$sql"
    logged "psql" pg "$1" psql --quiet --no-psqlrc --single-transaction --set=ON_ERROR_STOP=1 \
        --output=/dev/null --file="$sql"
    rm -f "$sql" "$sql.part"
}
