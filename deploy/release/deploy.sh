# shellcheck shell=bash disable=SC2034,SC2154 # common.sh sets what is used here, and uses what is set
# The order of things, and the way back from each of them.

deploy() {
    local source name="" contract=""
    while [ $# -gt 0 ]; do
        case $1 in
            --name) name=${2:-} && shift ;;
            --contract) contract=yes ;;
            -?*) usage >&2 && exit 2 ;;
            *) [ -z "${source:-}" ] || { usage >&2 && exit 2; } && source=$1 ;;
        esac
        shift
    done
    source=${source:-$(dirname "$(dirname "$script")")}
    name=${name:-$(new_name "$source")}
    [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$ ]] || die "not a name for a release: $name"
    recover
    [ ! -e "$home/releases/$name" ] || die "release $name is there already; roll back to it, or choose another name"
    begin "$name" "contract=$contract"
    prepare "$source" "$name"
    migrate "$name"
    switch_to "$name"
    finish_release "$name"
}

# From here on whatever ends this script takes back what was done.
begin() {
    log=$log_dir/release-$1.log
    touch "$log" && chmod 640 "$log"
    # The phase comes last: before it there is nothing to be taken back.
    remember "pid=$$" "from=$(release_of current)" "to=$1" "$2" phase=preparing
    trap end_badly EXIT
    trap 'say "release: told to stop"; exit 130' INT TERM
    say "Release $1 (before it: $(remembered from))"
}

prepare() {
    local half=$home/releases/.unfinished-$2
    open_source "$1" "$half"
    make_venv "$half"
    base_python -m compileall -q "$half" >/dev/null || true
    printf '%s\n' "$2" >"$half/RELEASE"
    mv -T "$half" "$home/releases/$2"
    logged "check --deploy" manage "$2" check --deploy --fail-level ERROR --database default
    say "Unpacked, installed and checked"
}

migrate() {
    local options=()
    [ "${RAIOX_MIGRATE:-yes}" != no ] || return 0
    [ -z "$(remembered contract)" ] || options=(--contract)
    logged "check_migrations" manage "$1" check_migrations "${options[@]}"
    if [ -n "$(remembered contract)" ] && [ -n "$(remembered from)" ]; then
        say "Stopping the service: the running code cannot live with these migrations"
        remember phase=stopped
        each_service stop >>"$log" 2>&1
    fi
    dump_database "$1" "before-$1"
    say "Dumped the database to $dumped"
    remember "dump=$dumped" phase=migrating
    logged "migrate" manage "$1" migrate --noinput
    logged "createcachetable" manage "$1" createcachetable
    say "Migrated"
}

switch_to() {
    logged "collectstatic" manage "$1" collectstatic --noinput -v 0
    logged "prepare_networks" manage "$1" prepare_networks
    rehearse "$1"
    say "The new code passes on a port of its own; switching"
    remember phase=switched
    point current "$1"
    logged "restart" restart_services
    logged "the gate" gate "$1" "$(remembered since)"
}

finish_release() {
    local from
    from=$(remembered from)
    point good "$1"
    forget
    trap - EXIT INT TERM
    say "Release $1 is running"
    ! host_differs "$1" "$from" ||
        say "Units or nginx are not those of this release: $home/current/deploy/install.sh changes them"
    prune_releases || say "Old releases could not be removed"
    prune_dumps || say "Old dumps could not be removed"
}

end_badly() {
    local status=$?
    trap '' INT TERM
    trap - EXIT
    [ "$status" -gt 0 ] || status=1
    # Not as a condition: there bash would go on after a failure.
    set +e
    (
        set -e
        take_back
    )
    # shellcheck disable=SC2181
    if [ $? = 0 ]; then
        forget
    else
        say "release: the way back failed too. Look at $log, then: release.sh recover"
    fi
    exit "$status"
}

recover() {
    local to
    [ -s "$journal" ] || return 0
    to=$(remembered to)
    if [ -z "$(remembered phase)" ] || [ "$(release_of good)" = "$to" ]; then
        forget
        return 0
    fi
    log=$log_dir/release-$to.log
    touch "$log"
    say "Release $to was cut off while $(remembered phase); putting that right"
    take_back
    forget
}

# Puts right what the journal says was begun: may be repeated, may be cut off itself.
take_back() {
    local from to phase
    from=$(remembered from) to=$(remembered to) phase=$(remembered phase)
    [ "$phase" = preparing ] || back_to "$from" "$to" "$phase"
    rm -rf "${home:?}/releases/.unfinished-$to" "$home/releases/.unfinished-$to.tar"
    # They take much room, and that may be what was missing.
    find "$dump_dir" -name '*.part' -delete 2>/dev/null || true
    [ "$to" = "$(release_of current)" ] || [ "$to" = "$(release_of good)" ] ||
        [ -n "$(remembered back)" ] || rm -rf "${home:?}/releases/$to"
    say "Taken back: ${from:-nothing} runs"
}

back_to() {
    local from=$1 to=$2 phase=$3
    if [ -z "$from" ]; then
        say "There is no release before it: the service is stopped"
        [ "$phase" != switched ] || each_service stop >>"$log" 2>&1 || true
        rm -f "$home/current"
        return
    fi
    say "Going back to $from"
    if [ -n "$(remembered contract)" ]; then
        each_service stop >>"$log" 2>&1 || true
        [ "$phase" = stopped ] || restore_database "$from" "$(remembered dump)"
    fi
    # The list of static files is one for all releases.
    logged "collectstatic" manage "$from" collectstatic --noinput -v 0
    point current "$from"
    if [ "$phase" = switched ] || [ -n "$(remembered contract)" ]; then
        logged "restart" restart_services
        logged "the gate" gate "$from" "$(remembered since)"
    fi
}

rollback() {
    local to="" dump="" sure="" now
    while [ $# -gt 0 ]; do
        case $1 in
            --to) to=${2:-} && shift ;;
            --database) dump=${2:-} && shift ;;
            --yes) sure=yes ;;
            *) usage >&2 && exit 2 ;;
        esac
        shift
    done
    recover
    now=$(release_of current)
    to=${to:-$(release_before "$now")}
    [ -f "$home/releases/${to:-none}/RELEASE" ] || die "no such release to go back to: ${to:-none}"
    [ -z "$dump" ] || [ -n "$sure" ] ||
        die "everything written since $dump was made will be lost from the database; say --yes"
    [ -z "$dump" ] || [ -s "$dump" ] || die "no such dump: $dump"
    begin "$to" back=yes
    [ -z "$dump" ] || go_back_in_database "$to" "$now" "$dump"
    logged "collectstatic" manage "$to" collectstatic --noinput -v 0
    remember phase=switched
    point current "$to"
    logged "restart" restart_services
    logged "the gate" gate "$to" "$(remembered since)"
    finish_release "$to"
}

# If this fails, the database is put back to what it was before.
go_back_in_database() {
    say "Stopping the service"
    remember contract=yes phase=stopped
    each_service stop >>"$log" 2>&1
    dump_database "$2" "before-going-back-to-$1"
    remember "dump=$dumped" phase=migrating
    say "Dumped the database to $dumped; restoring $3"
    restore_database "$1" "$3"
}

release_before() { releases_by_age | awk -v now="$1" 'seen == 1 { print; seen = 2 } $0 == now { seen = 1 }'; }

show_status() {
    local current
    current=$(release_of current)
    echo "current: ${current:-none}"
    echo "good:    $(release_of good)"
    [ ! -s "$journal" ] || echo "at work or cut off: $(tr '\n' ' ' <"$journal")"
    [ -n "$current" ] || return 1
    gate_seconds=${RAIOX_STATUS_SECONDS:-5}
    if gate "$current" 0; then echo "healthy"; else return 1; fi
}

list_releases() {
    local name current
    current=$(release_of current)
    releases_by_age | while read -r name; do
        if [ "$name" = "$current" ]; then echo "* $name"; else echo "  $name"; fi
    done
}
