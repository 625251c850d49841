# shellcheck shell=bash disable=SC2154,SC2034 # install.sh sets what is used here
# Packages of the system, and a Python that is new enough.

deadsnakes=F23C5A6CF475977595C89F51BA6932366A755776

# Debian 13 and Ubuntu 24.04 have some libraries under the name with t64, which provides the other.
is_installed() { { dpkg-query -W -f '${Status}\n' "$1" "$1t64" 2>/dev/null || true; } | grep 'ok installed' >/dev/null; }

fetched_list=""
fetch_list() {
    [ -z "$fetched_list" ] || return 0
    apt-get -o DPkg::Lock::Timeout=300 update -qq || stop "the list of packages could not be fetched"
    fetched_list=yes
}

# packages NAME…: those that are missing are installed.
packages() {
    local name missing=()
    for name in "$@"; do is_installed "$name" || missing+=("$name"); done
    [ ${#missing[@]} -gt 0 ] || return 0
    fetch_list
    say "Installing ${missing[*]}"
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a apt-get install -qq -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold "${missing[@]}" >/dev/null || stop "could not be installed: ${missing[*]}"
    changed "packages: ${missing[*]}"
}

# The second line: what opencv and the readers of images load. A name that this system does not
# have is another one's.
install_packages() {
    packages age ca-certificates curl gnupg openssl logrotate python3 python3-venv tzdata psmisc procps \
        libgl1 libglib2.0-0 libgomp1
    [ "${option[role]}" = worker ] || packages nginx-light certbot
    [ -n "${option[no-firewall]:-}" ] || packages ufw
    [ -n "${option[no-fail2ban]:-}" ] || packages fail2ban nftables python3-systemd
    [ -n "${option[no-upgrades]:-}" ] || packages unattended-upgrades
    # Second steps, tokens and signed addresses need the right time.
    is_installed chrony || is_installed ntpsec || packages systemd-timesyncd
}

is_recent() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

# The system's own is the one that its updates mend. Ubuntu 22.04 has 3.10, and beside it only a
# release candidate of 3.11 that nobody maintains; the PPA is built at Launchpad by the maintainers
# of Debian's and Ubuntu's packages of Python, and unattended-upgrades keeps it up to date.
find_python() {
    python=${option[python]:-}
    if [ -n "$python" ]; then
        is_recent "$python" || stop "$python is not a Python >= 3.11 with venv"
    elif is_recent python3; then
        python=$(command -v python3)
    elif is_recent python3.12; then
        python=$(command -v python3.12)
    elif [ "$system_id $system_version" = "ubuntu 22.04" ]; then
        add_deadsnakes
        packages python3.12 python3.12-venv
        python=$(command -v python3.12)
        is_recent "$python" || stop "python3.12 does not run"
    else
        stop "Python >= 3.11 was not found; name one with --python"
    fi
}

add_deadsnakes() {
    local ring=/usr/share/keyrings/raiox-deadsnakes.gpg
    if [ ! -s "$ring" ]; then
        trusted_key "https://keyserver.ubuntu.com/pks/lookup?op=get&search=0x$deadsnakes" "$deadsnakes" "$ring"
    fi
    put /etc/apt/sources.list.d/raiox-deadsnakes.list 0644 root:root <<LIST
deb [signed-by=$ring] https://ppa.launchpadcontent.net/deadsnakes/ppa/ubuntu $system_codename main
LIST
    fetched_list=""
}

# trusted_key ADDRESS FINGERPRINT FILE: the key is taken only if it is the one that is known.
trusted_key() {
    local folder
    folder=$(mktemp -d)
    curl -fsS --max-time 60 --retry 3 -o "$folder/key" "$1" || stop "the key could not be fetched from $1"
    gpg --homedir "$folder" --batch --quiet --import "$folder/key" 2>/dev/null || true
    gpg --homedir "$folder" --batch --with-colons --fingerprint "$2" 2>/dev/null | grep -q "^fpr:*$2:" ||
        stop "what came from $1 is not the key $2"
    gpg --homedir "$folder" --batch --export "$2" >"$folder/ring"
    install -m 644 "$folder/ring" "$3"
    rm -rf "$folder"
    changed "$3"
}
