# shellcheck shell=bash disable=SC2154 # common.sh sets what is used here
# From a source to a release that could run: nothing here touches the running one.

# open_source SOURCE FOLDER: the code and nothing else, owned by whoever runs this.
open_source() {
    local source=$1 folder=$2 inner
    mkdir -p "$folder"
    if [ -d "$source" ]; then
        files_of "$source" | tar -C "$source" --null -T - -cf - | unpack "$folder" ""
    elif [ "$source" = - ] || [ -f "$source" ]; then
        # What came is kept: standard input can be read only once.
        cat -- "$source" >"$folder.tar"
        case $(od -An -tx1 -N2 "$folder.tar" | tr -d ' ') in
            1f8b) gzip -dc "$folder.tar" | unpack "$folder" "" ;;
            *) unpack "$folder" "" <"$folder.tar" ;;
        esac
        rm -f "$folder.tar"
    else
        die "no such source: $source"
    fi
    inner=$(find "$folder" -mindepth 1 -maxdepth 1)
    if [ ! -f "$folder/manage.py" ] && [ -f "$inner/manage.py" ]; then
        find "$inner" -mindepth 1 -maxdepth 1 -exec mv -t "$folder" {} +
        rmdir "$inner"
    fi
    if [ ! -f "$folder/manage.py" ] || [ ! -f "$folder/deploy/release/gate.py" ]; then
        die "$source does not hold the code of Raiox AI"
    fi
    chmod -R u+rwX,go+rX,go-w "$folder"
}

unpack() { tar -C "$1" --no-same-owner --no-same-permissions -xf -; }

# Without git: all but what belongs to a machine.
files_of() {
    if [ -e "$1/.git" ] && command -v git >/dev/null; then
        git -c safe.directory='*' -C "$1" ls-files -z
    else
        (cd "$1" && find . \( -name .git -o -name .venv -o -name var -o -name .env \
            -o -name __pycache__ \) -prune -o \( -type f -o -type l \) -print0)
    fi
}

# A name that sorts by time; the commit where it can be known.
new_name() {
    local commit=""
    [ ! -e "$1/.git" ] || commit=$(git -c safe.directory='*' -C "$1" rev-parse --short=9 HEAD 2>/dev/null || true)
    printf '%s%s\n' "$(date -u +%Y%m%dT%H%M%SZ)" "${commit:+-$commit}"
}

venv_hash() {
    (cd "$1" && {
        cat requirements.txt deploy/constraints.txt
        base_python --version
        uname -m
    } | sha256sum | cut -c 1-16)
}

base_python() {
    local found
    for found in ${RAIOX_PYTHON:-} python3 python3.13 python3.12 python3.11; do
        if "$found" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            "$found" "$@"
            return
        fi
    done
    die "Python 3.11 or newer is needed; name it in RAIOX_PYTHON"
}

# Shared by all releases with the same requirements. What a killed release left half is made anew.
make_venv() {
    local hash venv
    hash=$(venv_hash "$1")
    venv=$home/venvs/$hash
    if [ ! -e "$venv/.complete" ]; then
        say "Installing the requirements into $venv (some minutes)"
        rm -rf "$venv"
        install -d -m 755 -o "$user" "$venv"
        logged "venv" as_user / "$(base_python -c 'import os, sys; print(os.path.realpath(sys.executable))')" -m venv "$venv"
        # What is unpacked may be gigabytes, and /tmp may lie in memory.
        install -d -m 700 -o "$user" "$venv/tmp"
        logged "pip install" as_user "$1" env TMPDIR="$venv/tmp" timeout "$step_seconds" "$venv/bin/python" \
            -m pip install --no-input --no-cache-dir --disable-pip-version-check -r requirements.txt
        rm -rf "$venv/tmp"
        # It complains of files of torch that are written for later Pythons: nobody imports them.
        as_user / "$venv/bin/python" -m compileall -q -j 0 "$venv/lib" >>"$log" 2>&1 || true
        chown -R root: "$venv"
        touch "$venv/.complete"
    fi
    ln -sfn "../../venvs/$hash" "$1/.venv"
}

manage() {
    local release=$1
    shift
    as_user "$home/releases/$release" timeout "$step_seconds" .venv/bin/python manage.py "$@"
}

# The new code on a port of its own, beside the running one: what does not even start, or is red,
# is found out without anybody noticing.
rehearse() {
    local port pid status=0
    port=$("$home/releases/$1/.venv/bin/python" -c \
        'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    # It ends by itself if this script is killed.
    as_user "$home/releases/$1" env HOST=127.0.0.1 PORT="$port" RAIOX_WEB_PROCESSES=1 \
        RAIOX_METRICS_DIR="$var_dir/run/rehearsal" timeout --kill-after=10 "$gate_seconds" .venv/bin/python -m gunicorn \
        --config deploy/gunicorn.conf.py raiox_site.wsgi:application >>"$log" 2>&1 </dev/null 9>&- &
    pid=$!
    (logged "the rehearsal" ask_health "$1" "http://127.0.0.1:$port" --release "$1" \
        --seconds "$gate_seconds" --while-alive "$pid" --without-queue) || status=$?
    # The shell waits for what it has started: that one is told.
    pkill -TERM -P "$pid" || true
    wait "$pid" 2>/dev/null || true
    [ "$status" = 0 ] || die "the new code does not pass on a port of its own"
}

# The newest first.
releases_by_age() {
    find "$home/releases" -mindepth 2 -maxdepth 2 -name RELEASE -printf '%T@ %h\n' 2>/dev/null |
        sort -rn | sed 's,.*/,,'
}

# Keeps the last ones, the running one and the good one; and the environments that these need.
prune_releases() {
    local name kept venv users
    kept=$(release_of current && release_of good)
    find "$home/releases" -mindepth 1 -maxdepth 1 -name '.unfinished-*' -exec rm -rf {} +
    releases_by_age | tail -n "+$((${RAIOX_KEEP_RELEASES:-5} + 1))" | while read -r name; do
        grep -qxF -- "$name" <<<"$kept" || rm -rf "${home:?}/releases/$name"
    done
    for venv in "$home"/venvs/*; do
        [ -e "$venv" ] || continue
        users=$(find "$home/releases" -mindepth 2 -maxdepth 2 -name .venv -lname "*/$(basename "$venv")")
        [ -n "$users" ] || rm -rf "$venv"
    done
}
