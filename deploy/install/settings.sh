# shellcheck shell=bash disable=SC2004,SC2034,SC2094,SC2154 # install.sh sets what is used here
# The user, the folders, the settings and the secrets. What is there already is left as it is.

env_file=/etc/raiox/raiox.env
secrets=/etc/raiox/secrets

make_user_and_folders() {
    if ! getent passwd raiox >/dev/null; then
        useradd --system --user-group --home-dir /var/lib/raiox --no-create-home \
            --shell /usr/sbin/nologin raiox
        changed "user raiox"
    fi
    folder /opt/raiox 0755 root:root
    folder /etc/raiox 0750 root:raiox
    folder "$secrets" 0750 root:raiox
    # nginx passes through to `static`; everything else in it is closed to others.
    folder /var/lib/raiox 0751 raiox:raiox
    folder /var/lib/raiox/static 0755 raiox:raiox
    folder /var/lib/raiox/media 0700 raiox:raiox
    folder /var/lib/raiox/run 0700 raiox:raiox
    folder /var/log/raiox 0750 raiox:adm
}

# secret NAME: 64 characters, made once.
secret() {
    local file=$secrets/$1
    if [ ! -s "$file" ]; then
        (umask 077 && "$python" -c 'import secrets; print(secrets.token_urlsafe(48))' >"$file.new")
        chown root:raiox "$file.new"
        chmod 640 "$file.new"
        mv "$file.new" "$file"
        changed "$file (made at random)"
    fi
    own "$file" 0640 root:raiox
}

write_settings() {
    local name
    for name in SECRET_KEY RAIOX_JWT_KEY RAIOX_HASH_KEY RAIOX_METRICS_TOKEN RAIOX_WEBHOOK_TOKEN; do
        # Who moved it into raiox.env, or rotates it there, has it there.
        grep -qsE "^$name=." "$env_file" || secret "$name"
    done
    if [ ! -s "$env_file" ]; then
        put "$env_file" 0640 root:raiox < <(settings)
    fi
    own "$env_file" 0640 root:raiox
    if [ ! -e /etc/raiox/release.env ]; then
        put /etc/raiox/release.env 0644 root:root <<SETTINGS
# Read by deploy/release.sh: where pip looks, and with which Python.
RAIOX_PYTHON=$python
# The wheel of torch for processors; that of PyPI brings 3 GB of CUDA along, for a GPU worker.
export PIP_EXTRA_INDEX_URL="${PIP_EXTRA_INDEX_URL:-https://download.pytorch.org/whl/cpu}"
SETTINGS
    fi
}

settings() {
    cat <<SETTINGS
# Settings of this installation; what there is: .env.example of the code. Secrets lie in
# $secrets, one file each. After a change: systemctl restart raiox-web raiox-worker
RAIOX_ENV=${option[env]}
RAIOX_VAR_DIR=/var/lib/raiox
ALLOWED_HOSTS=${option[domain]}
RAIOX_PUBLIC_URL=https://${option[domain]}
RAIOX_PROXY_COUNT=1
HOST=127.0.0.1
PORT=8000
SECRET_KEY_FILE=$secrets/SECRET_KEY
RAIOX_JWT_KEY_FILE=$secrets/RAIOX_JWT_KEY
RAIOX_HASH_KEY_FILE=$secrets/RAIOX_HASH_KEY
RAIOX_METRICS_TOKEN_FILE=$secrets/RAIOX_METRICS_TOKEN
RAIOX_WEBHOOK_TOKEN_FILE=$secrets/RAIOX_WEBHOOK_TOKEN
DATABASE_URL_FILE=$secrets/DATABASE_URL

# To be filled in. Production does not start without an encoder and private storage.
# RAIOX_ENCODER: raiox-fixture/bundled has seen drawn films only; that is a choice to be made.
RAIOX_ENCODER=$([ "${option[env]}" = production ] || echo raiox-fixture/bundled)
DO_SPACES_BUCKET=raiox-images
DO_SPACES_REGION=nyc3
#DO_SPACES_KEY_FILE=$secrets/DO_SPACES_KEY
#DO_SPACES_SECRET_FILE=$secrets/DO_SPACES_SECRET
#JOTFORM_API_KEY_FILE=$secrets/JOTFORM_API_KEY
JOTFORM_FORM_IDS=
JOTFORM_FIELDS={}
#EMAIL_URL_FILE=$secrets/EMAIL_URL
RAIOX_NOTIFY_EMAILS=
#RAIOX_TELEGRAM_TOKEN_FILE=$secrets/RAIOX_TELEGRAM_TOKEN
RAIOX_TELEGRAM_CHAT=
RAIOX_CONTROLLER_NAME=
RAIOX_PRIVACY_EMAIL=
SETTINGS
}

is_set() { grep -qsE "^(export )?$1(_FILE)?=." "$env_file"; }

# What production refuses to start without, and what it would be silent about.
missing_settings() {
    local name
    [ "${option[env]}" = production ] || return 0
    for name in RAIOX_ENCODER DO_SPACES_KEY DO_SPACES_SECRET; do
        is_set "$name" || printf '%s ' "$name"
    done
}

first_release() {
    local missing
    missing=$(missing_settings)
    if [ -e /opt/raiox/current ]; then
        return 0
    elif [ -n "$missing" ]; then
        to_do "Fill in $env_file ($missing), then: deploy/release.sh deploy"
    elif "$here/release.sh" deploy "${option[release]:-$source_folder}"; then
        changed "first release: $(readlink /opt/raiox/current)"
        to_do "Make your account: cd /opt/raiox/current && sudo -u raiox env RAIOX_ENV_FILE=$env_file .venv/bin/python manage.py createsuperuser"
    else
        to_do "The first release did not start (see above); mend it, then: deploy/release.sh deploy"
    fi
}
