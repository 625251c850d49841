# shellcheck shell=bash disable=SC2154 # common.sh sets what is used here
# An image that was built without an engine, tried in a chroot: RAIOX_CHECK_IMAGE names it, such as
#   buildah bud --isolation chroot --network host -f deploy/docker/Dockerfile \
#       --ignorefile deploy/docker/Dockerfile.dockerignore --build-arg RELEASE=check -t raiox:check .
# Its web process answers and its health check is green, as the user that the image names.

container=$(buildah from "$RAIOX_CHECK_IMAGE")
at_exit buildah rm "$container"
mounted=$(buildah mount "$container")
config() { buildah inspect --type image --format "{{.OCIv1.Config.$1}}" "$RAIOX_CHECK_IMAGE"; }
same "the image's user is nobody's" 10001:10001 "$(config User)"
if grep -rlE 'BEGIN (RSA|OPENSSH|EC) PRIVATE KEY' "$mounted/opt/raiox" --include='*' -s --exclude-dir=.venv; then
    fail "a private key in the image"
else
    ok "no private key in the image"
fi
port=$(free_port)
inside() {
    chroot --userspec=10001:10001 "$mounted" env -i PATH=/opt/raiox/.venv/bin:/usr/bin:/bin LANG=C.UTF-8 \
        RAIOX_VAR_DIR=/var/lib/raiox OMP_NUM_THREADS=1 HOST=127.0.0.1 PORT="$port" RAIOX_ENV=development \
        DATABASE_URL="$database" sh -c 'cd /opt/raiox && exec "$@"' sh "$@"
}
mount -t proc proc "$mounted/proc" && at_exit umount "$mounted/proc"
# The queue's locks lie there.
mkdir -p "$mounted/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$mounted/dev/shm" && at_exit umount "$mounted/dev/shm"
mkdir -p "$mounted/run/postgresql"
database=$(env RAIOX_ENV=test "$python" -m raiox_site.embedded_postgres url "$work/postgres")
at_exit "$python" -m raiox_site.embedded_postgres stop "$work/postgres"
chmod 711 "$work/postgres"
mount --bind "$work/postgres" "$mounted/run/postgresql" && at_exit umount "$mounted/run/postgresql"
database="${database%%\?*}?host=/run/postgresql"
try "the image migrates a database" inside python manage.py migrate --noinput -v 0
try "and makes its cache" inside python manage.py createcachetable
try "and gathers its static files" inside python manage.py collectstatic --noinput -v 0
inside python -m gunicorn --config deploy/gunicorn.conf.py raiox_site.wsgi:application >"$work/image.log" 2>&1 &
at_exit kill $!
inside python manage.py worker --grace 5 >"$work/image-worker.log" 2>&1 &
at_exit kill $!
if within 90 inside python deploy/docker/healthy.py web; then ok "its health check is green"; else
    fail "its health check stays red: $(tail -n 3 "$work/image.log")"
fi
if within 90 inside python deploy/docker/healthy.py worker; then ok "and that of the worker"; else
    fail "that of the worker stays red: $(tail -n 3 "$work/image-worker.log")"
fi
if inside touch /opt/raiox/manage.py 2>/dev/null; then fail "its code can be written"; else ok "its code cannot be written"; fi
not_run "limits, networks and read-only file system of the containers" "only a Docker engine has them"
