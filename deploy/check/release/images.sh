# shellcheck shell=bash disable=SC2154 # common.sh sets what is used here
# Building and running the image: with Docker where there is one; where only buildah is, each step
# of the Dockerfile in a chroot.

docker_works() { has docker && docker info >/dev/null 2>&1; }

try_docker() {
    chgrp -R 10001 "$work/etc/secrets" && chmod 750 "$work/etc/secrets" && chmod 640 "$work/etc/secrets"/*
    export RAIOX_UP=compose RAIOX_RELEASE=check RAIOX_FOLLOW=no
    export RAIOX_SECRETS=$work/etc/secrets RAIOX_ACME=$work/acme
    mkdir -p "$RAIOX_ACME"
    printf 'RAIOX_ENCODER=raiox-fixture/bundled\n' >>"$RAIOX_ENV_FILE"
    at_exit deploy/up.sh down --volumes
    try "up.sh up: images, database, migrations, web, worker, nginx" deploy/up.sh up
    if within 240 deploy/up.sh status; then ok "up.sh status: well"; else
        fail "up.sh status: not well"
        deploy/up.sh logs | tail -n 30
    fi
    same "nginx answers for it" pong "$(curl -skS --resolve raiox.example.org:443:127.0.0.1 https://raiox.example.org/ping)"
    same "nobody is root in it" 10001 "$(deploy/up.sh compose exec -T web id -u)"
    if deploy/up.sh compose exec -T web touch /opt/raiox/x 2>/dev/null; then fail "the image can be written"; else
        ok "the code in it cannot be written"
    fi
    try "up.sh restart web" deploy/up.sh restart web
    if within 120 deploy/up.sh status; then ok "and is well again"; else fail "not well after a restart"; fi
    try "up.sh up once more: a dump first, nothing lost" deploy/up.sh up
    same "the dump is there" 1 "$(find "$RAIOX_DUMP_DIR" -name '*.dump' -size +10k | wc -l)"
}

if docker_works && docker compose version >/dev/null 2>&1; then
    if [ "$SHORT" = 1 ] && [ -z "${CI:-}" ]; then
        not_run "containers" "takes some minutes; without --short it is done"
    else
        try_docker
    fi
else
    not_run "docker compose up" "no Docker engine with Compose on this machine"
    # RAIOX_CHECK_IMAGE: an image that buildah has built from the Dockerfile.
    if has buildah && [ -n "${RAIOX_CHECK_IMAGE:-}" ]; then
        # shellcheck source=chroot.sh
        . deploy/check/release/chroot.sh
    else
        not_run "the steps of the Dockerfile in a chroot" "RAIOX_CHECK_IMAGE names none (deploy/check/release/chroot.sh says how)"
    fi
fi
