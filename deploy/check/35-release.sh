#!/usr/bin/env bash
# deploy/release.sh and deploy/up.sh for real: PostgreSQL, gunicorn and worker as processes, good
# releases and broken ones, while somebody asks /ping all the time.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# shellcheck source=release/stage.sh
. deploy/check/release/stage.sh
is_long() { [ "$SHORT" = 0 ]; }

# What goes well. Our units, run by a stand-in where systemd is not the first process.

begin_systemd
release deploy --name r01 "$work/good.tar"
expect_status "the first release of a new database goes out" 0
expect_running r01
begin_polling

variant with_table add_table
gzip -c "$work/with_table.tar" >"$work/with_table.tgz"
release deploy --name r02 - <"$work/with_table.tgz"
expect_status "a release that comes by standard input, with a migration, goes out" 0
expect_running r02
refused_meanwhile "a good release" 0
same "the migration is applied" trial_table "$(sql "SELECT to_regclass('trial_table')")"
if [ "$user" = root ]; then
    not_run "release that its own service cannot write to" "no unprivileged user can read this Python"
elif as_service touch "$RAIOX_HOME/releases/r02/manage.py"; then
    fail "the service can write to its own code"
else
    ok "the service cannot write to its own code"
fi

# What is broken: found out before anybody notices, or taken back.

if is_long; then
    variant crashing crash_at_start
    release deploy --name r03 "$work/crashing.tar"
    expect_status "a release that crashes at its start is refused" 1
    expect_said "it ended by itself"
    expect_running r02

    variant unjudged add_removal
    release deploy --name r04 "$work/unjudged.tar"
    expect_status "a release with a migration that the running code cannot live with is refused" 1
    expect_said "cannot live with"

    variant migrating_wrong add_failing_migration
    release deploy --name r05 "$work/migrating_wrong.tar"
    expect_status "a release whose migration fails is refused" 1
    expect_said "migrate failed"
    expect_running r02
    same "what the failed migration began is not there" "" "$(sql "SELECT to_regclass('trial_half')")"

    variant red be_red
    release deploy --name r06 "$work/red.tar"
    expect_status "a release whose /health is red is refused" 1
    expect_said "/health is red"
    expect_running r02
    refused_meanwhile "four broken releases that never came to the switch" 0

    variant web_broken crash_under_systemd
    release deploy --name r07 "$work/web_broken.tar"
    expect_status "a release whose web dies only in its unit is taken back" 1
    expect_running r02
    refused_meanwhile "a release whose web dies after the switch (nobody is there to answer)"
fi

variant worker_broken break_worker
release deploy --name r08 "$work/worker_broken.tar"
expect_status "a release whose worker does not work is taken back" 1
expect_said "Going back to r02"
expect_running r02
refused_meanwhile "a release whose worker does not work" 0

# What is cut off, and two at once.

variant slow add_slow_migration
release_in_background deploy --name r09 "$work/slow.tar"
within 240 is_migrating r09 || fail "the slow release never came to its migration"
release deploy --name r10 "$work/good.tar"
expect_status "a second release at the same time is refused" 75
expect_said "another release is at work (migrating to r09"
kill_nine
release recover
expect_status "while what a killed release began still runs, nobody begins anew" 75
within 120 lock_is_free || fail "the migration of the killed release does not end"

release_in_background deploy --name r11 "$work/with_table.tar"
within 120 said "cut off while migrating" || fail "the next release did not notice the killed one"
within 240 phase_is switched || fail "the release never came to its switch"
kill_nine
within 120 lock_is_free || fail "the lock of the killed release is still held"
release recover
expect_status "a release killed after the switch is put right" 0
expect_said "Release r11 was cut off while switched"
expect_running r02
refused_meanwhile "two killed releases and the way back" 0

# Back.

if is_long; then
    deploy/release.sh deploy --name r12 "$work/with_table.tar" 2>&1 | head -n 1 >/dev/null || true
    same "a release goes on when nobody listens any more (SSH is gone)" r12 "$(current)"
    expect_running r12
    release rollback
    expect_status "rollback goes to the release before" 0
    expect_running r02
    release status
    expect_status "status says that it is healthy" 0
    refused_meanwhile "a release and a rollback" 0

    sql "INSERT INTO trial_table VALUES (1)" >/dev/null
    dump=$(deploy/release.sh dumps | grep -- -before-r02)
    release rollback --to r01 --database "$dump"
    expect_status "going back in the database needs a second word" 1
    release rollback --to r01 --database "$dump" --yes
    expect_status "rollback with the database as it was before r02" 0
    expect_running r01
    same "the table of r02 is gone" "" "$(sql "SELECT to_regclass('trial_table')")"
    release deploy --name r13 "$work/with_table.tar"
    expect_status "and r02's code migrates again" 0

    variant contracting add_removal
    release deploy --contract --name r14 "$work/contracting.tar"
    expect_status "a release that contracts goes out when it is said" 0
    expect_running r14
    same "the table is gone" "" "$(sql "SELECT to_regclass('trial_table')")"
    release rollback --to r13 --database "$(deploy/release.sh dumps | grep -- -before-r14)" --yes
    sql "INSERT INTO trial_table VALUES (2)" >/dev/null
    variant contracting_broken add_removal break_worker
    release deploy --contract --name r15 "$work/contracting_broken.tar"
    expect_status "one that contracts and does not work is taken back" 1
    expect_running r13
    same "with the database, and what was in it" 2 "$(sql "SELECT max(number) FROM trial_table")"
    refused_meanwhile "going back with the database, and contracting (the service stands still)"

    old=$(deploy/release.sh list | wc -l)
    RAIOX_KEEP_RELEASES=2 RAIOX_KEEP_DUMPS=2 release deploy --name r16 "$work/with_table.tar"
    expect_status "another release" 0
    same "of $old releases the last two are kept" 2 "$(deploy/release.sh list | wc -l)"
    same "and the last two dumps" 2 "$(deploy/release.sh dumps | wc -l)"
    same "and one environment" 1 "$(find "$RAIOX_HOME/venvs" -mindepth 1 -maxdepth 1 | wc -l)"
fi
not_run "pip install of a release on a bare host" "the environment of this checkout is lent to the releases"
not_run "systemd as the first process" "the stand-in that ran our units knows no limits and no hardening"
end_systemd

# Without systemd: plain processes.

same "up.sh up" 0 "$(up_status up)"
if within 120 up status; then ok "and it is well"; else fail "it is not well: $(up status 2>&1)"; fi
same "up.sh up does no harm to what runs" 0 "$(up_status up)"
up logs web >"$work/logs" || true
if grep -q gunicorn "$work/logs"; then ok "up.sh logs shows the log"; else fail "up.sh logs shows nothing"; fi
if is_long; then
    begin_polling
    release deploy --name r20 "$work/with_table.tar"
    expect_status "a release without systemd" 0
    expect_running r20
    refused_meanwhile "a release without systemd (nobody holds the socket)"
    kill "$poller"
fi
kill -9 "$(runner)"
same "up.sh keep starts again what was killed" 0 "$(up_status keep)"
if within 120 up status; then ok "and it is well"; else fail "it is not well after up.sh keep"; fi
same "up.sh down" 0 "$(up_status down)"
same "up.sh keep leaves alone what was stopped" 0 "$(up_status keep)"
if up status >/dev/null 2>&1; then fail "it runs after up.sh down"; else ok "and it stays down"; fi
