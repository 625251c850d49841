# shellcheck shell=bash disable=SC2004,SC2034,SC2094,SC2154 # install.sh sets what is used here
# Changing only what differs, and saying so.

changes=0
left=()

say() { printf '%s\n' "$*"; }
changed() {
    changes=$((changes + 1))
    say "+ $*"
}
stop() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 2
}
to_do() { left+=("$*"); }
has() { command -v "$1" >/dev/null 2>&1; }
under_systemd() { [ -d /run/systemd/system ]; }

is_host_name() {
    case $1 in
        "" | .* | -* | *[!A-Za-z0-9.-]*) return 1 ;;
        *.*) return 0 ;;
        *) return 1 ;;
    esac
}

is_network() { [[ $1 =~ ^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$ ]]; }

# put FILE MODE OWNER:GROUP: standard input becomes the file, where it differs.
put() {
    local file=$1 mode=$2 owner=$3 new
    new=$(mktemp)
    cat >"$new"
    if ! cmp -s "$new" "$file"; then
        install -D -m "$mode" -o "${owner%:*}" -g "${owner#*:}" "$new" "$file"
        changed "$file"
        rm -f "$new"
        return
    fi
    rm -f "$new"
    own "$file" "$mode" "$owner"
}

# own PATH MODE OWNER:GROUP: corrects these where they differ.
own() {
    [ "$(stat -c '%a %U:%G' "$1")" = "${2#0} $3" ] && return
    chown "$3" "$1"
    chmod "$2" "$1"
    changed "$1: mode $2, $3"
}

folder() { # folder PATH MODE OWNER:GROUP
    if [ ! -d "$1" ]; then
        install -d -m "$2" -o "${3%:*}" -g "${3#*:}" "$1"
        changed "$1"
    else
        own "$1" "$2" "$3"
    fi
}

link() { # link TARGET NAME
    [ "$(readlink "$2" 2>/dev/null)" = "$1" ] && return
    ln -sfn "$1" "$2"
    changed "$2 -> $1"
}

# differs: whether `changes` grew since it was last called with the number as argument.
grew() { [ "$changes" -gt "$1" ]; }

# on ACTION UNIT…: systemctl, where it is there; else the service is left to the operator.
service() {
    local action=$1
    shift
    if under_systemd; then
        systemctl "$action" "$@"
    else
        return 0
    fi
}

enable() {
    local unit
    for unit in "$@"; do
        [ "$(systemctl is-enabled "$unit" 2>/dev/null)" = enabled ] && continue
        systemctl enable --quiet "$unit" 2>/dev/null
        changed "enabled $unit"
    done
}

# Options of an earlier run hold until others are given.
recall_options() {
    local name value file=/etc/raiox/install.env
    if [ -f "$file" ]; then
        while IFS='=' read -r name value; do
            [ -z "$name" ] || [ -n "${given[$name]:-}" ] || option[$name]=$value
        done <"$file"
    fi
    for name in "${!given[@]}"; do option[$name]=${given[$name]}; done
    [ -n "${option[env]:-}" ] || option[env]=production
    [ -n "${option[role]:-}" ] || option[role]=all
}

remember_options() {
    local name file=/etc/raiox/install.env
    mkdir -p /etc/raiox
    # Not by a pipe: what is changed would be counted in a process of its own.
    put "$file" 0644 root:root < <(for name in "${!option[@]}"; do
        case $name in release | no-release) ;; *) printf '%s=%s\n' "$name" "${option[$name]}" ;; esac
    done | sort)
}

know_system() {
    [ -r /etc/os-release ] || stop "this is neither Debian nor Ubuntu"
    # shellcheck source=/dev/null
    . /etc/os-release
    case "$ID $VERSION_ID" in
        "debian 12" | "debian 13" | "ubuntu 22.04" | "ubuntu 24.04") ;;
        *) stop "made for Debian 12 and 13, Ubuntu 22.04 and 24.04, not for $ID $VERSION_ID" ;;
    esac
    system_id=$ID
    system_version=$VERSION_ID
    system_codename=$VERSION_CODENAME
}

say_what_is_left() {
    local number=1 line
    say ""
    if [ "$changes" = 0 ]; then say "Nothing had to be changed."; else say "$changes changes."; fi
    [ ${#left[@]} -gt 0 ] || return 0
    say "Left to do:"
    for line in "${left[@]}"; do
        say "  $number. $line"
        number=$((number + 1))
    done
}
