#!/usr/bin/env python3
"""Every secret is rotated by deploy/secrets/rotate.sh on a running installation (staging, plain
processes) while deliveries come in and answers leave. In the end every delivery is a case with its
film, and every decision has been answered, once.

Real: web, worker, PostgreSQL with passwords (scram) over TCP, Redis. Stand-ins: Jotform, S3 (moto,
which checks signatures), the mail server, Telegram. With SHORT=1 only the two that
django-q2 and Jotform would lose something by: SECRET_KEY and RAIOX_WEBHOOK_TOKEN. Arguments choose
among the steps: 45-secrets.py database tokens
"""

import hashlib
import hmac
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).with_name("place"))]
import outside  # noqa: E402 # its place is said above
import trial as shared  # noqa: E402
from trial import ANSWER, FORM, Trial, check, say, word_of  # noqa: E402


def adopt(trial: Trial) -> None:
    said = trial.place.rotate("adopt")
    check("secrets move out of raiox.env into files", "SECRET_KEY" in said, said)
    kept = trial.place.file.read_text()
    check(
        "and none is left in it",
        not shared.value(trial.place.file, "SECRET_KEY") and trial.first_key not in kept,
    )
    modes = {oct(one.stat().st_mode & 0o777) for one in (trial.place.etc / "secrets").iterdir()}
    check("they are 0640 below 0750", modes == {"0o640"}, modes)


def secret_key(trial: Trial) -> None:
    make = (
        "from django.contrib.auth.models import User; from django.contrib.auth import *;"
        "from django.contrib.sessions.backends.db import SessionStore as S;"
        "from django.conf import settings as s; u = User.objects.get(username='brenda'); x = S();"
        "x[SESSION_KEY] = str(u.pk); x[BACKEND_SESSION_KEY] = s.AUTHENTICATION_BACKENDS[-1];"
        "x[HASH_SESSION_KEY] = u.get_session_auth_hash(); x.create();"
        "print(s.SESSION_COOKIE_NAME + '=' + x.session_key, end='')"
    )
    cookie = trial.place.manage("shell", "-v", "0", "-c", make)
    trial.place.up("stop", "worker")
    trial.outside.within(60, lambda: trial.queried("SELECT count(*) FROM django_q_ormq")[0][0] > 5)
    waiting = trial.queried("SELECT count(*) FROM django_q_ormq")[0][0]
    check(f"{waiting} tasks signed with the old key wait", waiting > 0, waiting)
    trial.rotate("SECRET_KEY")
    log = trial.folder / "var" / "log" / "worker.log"
    trial.outside.within(
        30, lambda: trial.queried("SELECT count(*) FROM django_q_ormq")[0][0] < waiting
    )
    dropped = log.read_text(errors="replace").count("Failed to push task")
    check("the worker takes them, and throws none away", not dropped, dropped)
    check(
        "a session of the panel goes on", trial.status("/admin/", headers={"Cookie": cookie}) == 200
    )
    # In life twelve hours pass.
    trial.outside.within(300, lambda: trial.queried("SELECT count(*) FROM django_q_ormq")[0][0] < 5)
    trial.place.rotate("finish", "SECRET_KEY")
    gone = trial.status("/admin/", headers={"Cookie": cookie})
    check("and ends with `finish`", gone == 302, gone)


def webhook_token(trial: Trial) -> None:
    trial.rotate("RAIOX_WEBHOOK_TOKEN")
    before = Counter(trial.dentists.statuses)
    trial.dentists.submit()
    refused = trial.dentists.statuses - before
    check("Jotform, which still sends the old one, is let in", set(refused) == {200}, refused)
    trial.dentists.token = trial.place.secret("RAIOX_WEBHOOK_TOKEN")
    time.sleep(1)
    trial.place.rotate("finish", "RAIOX_WEBHOOK_TOKEN")
    old = trial.status(f"/jotform?token={trial.token}", "POST", data={"formID": FORM})
    check("the old one is refused after `finish`", old == 401, old)
    check("it was never 401 to Jotform", trial.dentists.statuses[401] == 0, trial.dentists.statuses)


def database(trial: Trial) -> None:
    old = trial.place.secret("DB_PASSWORD")
    trial.rotate("DB_PASSWORD")
    new = trial.place.secret("DB_PASSWORD")
    check("the database knows the new password", trial.queried("SELECT 1") == [(1,)] and new != old)
    where = f"127.0.0.1:{trial.postgres.port}/postgres"
    for name in ("DATABASE_URL", "RAIOX_SEARCH_DATABASE_URL"):
        said = trial.place.rotate(name, given=f"postgresql://raiox:wrong@{where}\n", must=False)
        is_kept = f"{name}_FILE" in trial.place.file.read_text()
        is_told = "does not let us in" in said and "password authentication failed" in said
        check(f"a {name} with a wrong password is refused", is_told and not is_kept, said[-400:])
    trial.rotate("RAIOX_SEARCH_DATABASE_URL", given=f"postgresql://raiox:{new}@{where}\n")


def jotform_key(trial: Trial) -> None:
    right = trial.standin.api_key
    said = trial.place.rotate("JOTFORM_API_KEY", given="0" * 32 + "\n", must=False)
    check(
        "a key that Jotform refuses is not kept",
        "old values are back" in said and trial.place.secret("JOTFORM_API_KEY") == right,
        said[-400:],
    )
    trial.standin.api_key = secrets.token_hex(16)
    trial.rotate("JOTFORM_API_KEY", given=trial.standin.api_key + "\n")


def spaces(trial: Trial) -> None:
    said = trial.place.rotate("DO_SPACES_KEY", given="wrong\nwrong\n", must=False)
    check(
        "a pair that cannot write is refused before any restart",
        "cannot write" in said,
        said[-400:],
    )
    trial.rotate("DO_SPACES_KEY", given="\n".join(trial.spaces.pairs[1]) + "\n")
    trial.spaces.forget_first()
    trial.outside.within(60, lambda: trial.part("storage") == "ok")
    check(
        "films are kept with the new pair alone",
        trial.part("storage") == "ok",
        trial.part("storage"),
    )


def backups(trial: Trial) -> None:
    settings = {
        "RAIOX_BACKUP_BUCKET": outside.BUCKET, "RAIOX_BACKUP_ENDPOINT": trial.spaces.base,
        "RAIOX_BACKUP_KEY": "of-before", "RAIOX_BACKUP_SECRET": "of-before",
    }  # fmt: skip
    with trial.place.file.open("a") as file:
        file.writelines(f"{name}={value}\n" for name, value in settings.items())
    said = trial.place.rotate("RAIOX_BACKUP_KEY", given="wrong\nwrong\n", must=False)
    check(
        "a pair that cannot write backups is refused before any restart",
        "cannot write" in said and word_of(trial.place, "RAIOX_BACKUP_KEY") == "of-before",
        said[-400:],
    )
    trial.rotate("RAIOX_BACKUP_KEY", given="\n".join(trial.spaces.pairs[1]) + "\n")
    trial.place.run("deploy/backup.sh")
    listed = trial.place.run("deploy/backup.sh", "--list")
    check("with the new pair a backup is made", "staging" in listed or "20" in listed, listed)


def cut_off(trial: Trial) -> None:
    """The terminal goes away in the middle of the one that cannot be done twice."""
    old = trial.place.secret("DB_PASSWORD")
    rotation = subprocess.Popen(
        [shared.ROOT / "deploy/secrets/rotate.sh", "DB_PASSWORD"],
        cwd=shared.ROOT,
        env=trial.place.environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    begun = trial.outside.within(60, lambda: [*trial.place.etc.glob(".rotate.*/in-database")])
    time.sleep(2)
    os.killpg(rotation.pid, signal.SIGHUP)
    status = rotation.wait(400)
    check("a rotation that loses its terminal fails", begun and status == 129, status)
    check(
        "file and database have the old password again",
        trial.place.secret("DB_PASSWORD") == old and trial.queried("SELECT 1") == [(1,)],
    )
    well = trial.outside.within(60, lambda: trial.status("/healthcheck") == 200)
    check("and the service answers", well)
    check("nothing of it is left", not [*trial.place.etc.glob(".rotate.*/*")])


def notices(trial: Trial) -> None:
    said = trial.place.rotate("RAIOX_TELEGRAM_TOKEN", given="1:wrong\n", must=False)
    check(
        "a bot that Telegram does not know is not kept", "old values are back" in said, said[-400:]
    )
    trial.telegram.token = f"1:{secrets.token_hex(16)}"
    trial.rotate("RAIOX_TELEGRAM_TOKEN", given=trial.telegram.token + "\n")
    trial.mail.password = secrets.token_hex(8)
    trial.rotate("EMAIL_URL", given=trial.mail.url + "\n")


def tokens(trial: Trial) -> None:
    old = str(trial.reviewer.session.headers["Authorization"])
    trial.rotate("RAIOX_JWT_KEY")
    as_old = {"headers": {"Authorization": old}}
    check("an API token of before stays good", trial.status("/cases", **as_old) == 200)
    trial.place.rotate("finish", "RAIOX_JWT_KEY")
    check("and ends with `finish`", trial.status("/cases", **as_old) == 401)
    groups = "SELECT count(DISTINCT client_hash), count(*) FROM cases_case WHERE client_hash <> ''"
    trial.rotate("RAIOX_HASH_KEY")
    found = trial.queried(groups)[0]
    check(f"one dentist stays one dentist ({found[1]} cases)", found[0] <= 2, found)


def simple_ones(trial: Trial) -> None:
    old = trial.place.secret("RAIOX_METRICS_TOKEN")
    trial.rotate("RAIOX_METRICS_TOKEN")
    answers = [
        trial.status("/metrics", headers={"Authorization": f"Bearer {token}"})
        for token in (trial.place.secret("RAIOX_METRICS_TOKEN"), old)
    ]
    check("/metrics opens to the new token only", answers == [200, 403], answers)
    trial.rotate("JF_SECRET")
    body = b"formID=1&submissionID=2&rawRequest=%7B%7D"
    signed = hmac.new(trial.place.secret("JF_SECRET").encode(), body, hashlib.sha256).hexdigest()
    kind = {"Content-Type": "application/x-www-form-urlencoded", "x-jf-signature": signed}
    answer = trial.status("/jotform", "POST", data=body, headers=kind)
    check("a signature of the new key opens the door", answer not in (0, 401, 500), answer)


def redis(trial: Trial) -> None:
    program = shutil.which("redis-server")
    if not program:
        say("NOT RUN REDIS_URL: redis-server is not installed")
        return
    from raiox_site import running

    port, word = running.free_port(), secrets.token_hex(8)
    options = f"--port {port} --bind 127.0.0.1 --requirepass {word} --appendonly no"
    server = subprocess.Popen([program, *options.split()], stdout=subprocess.DEVNULL)
    trial.stack.callback(server.kill)
    trial.rotate("REDIS_URL", given=f"redis://:{word}@127.0.0.1:{port}/0\n")
    check("login limits and cache work on it", trial.status("/auth/token", "POST", json={}) == 400)


def wait_while_it_goes_on(trial: Trial, counts: str, wanted: tuple[int, ...]) -> None:
    """Until all is done, or nothing has changed for three minutes: machines are busy or not."""
    before, found = (), trial.queried(counts)[0]
    while found not in (before, wanted):
        before = found
        trial.outside.within(180, lambda: trial.queried(counts)[0] != before)  # noqa: B023
        found = trial.queried(counts)[0]


def nothing_is_lost(trial: Trial) -> None:
    trial.dentists.over.set()
    trial.dentists.join(30)
    sent = len(trial.dentists.sent)
    counts = (
        "SELECT (SELECT count(*) FROM cases_case),"
        " (SELECT count(*) FROM cases_case WHERE status <> 'rejected'),"
        " (SELECT count(*) FROM integrations_resultreturn WHERE sent_at IS NULL),"
        " (SELECT count(*) FROM cases_caseimage WHERE file = '' OR error <> '')"
    )
    wait_while_it_goes_on(trial, counts, (sent, 0, 0, 0))
    found = trial.queried(counts)[0]
    trial.reviewer.over.set()
    check(
        f"all {sent} deliveries are cases, with their films, decided and answered",
        found == (sent, 0, 0, 0),
        found,
    )
    told = [trial.standin.shown(one, ANSWER) for one in trial.dentists.sent]
    check("and every answer stands at Jotform", all(told), Counter(map(bool, told)))
    twice = Counter(one.path for one in trial.standin.edits() if "submission" in one.path)
    check("once each", max(twice.values(), default=0) == 1, twice.most_common(3))
    say(f"   answers of the door: {dict(trial.dentists.statuses)}; 0: while it restarted")
    say(
        f"   what was refused came by asking Jotform; logins of the client: {trial.reviewer.logins}"
    )


def chosen() -> list[Callable[[Trial], None]]:
    every = [adopt, secret_key, webhook_token, database, jotform_key]
    every += [cut_off, spaces, backups, notices, tokens, simple_ones, redis]
    if names := sys.argv[1:]:
        return [adopt, *(step for step in every if step.__name__ in names)]
    if os.environ.get("SHORT") == "1":
        say("NOT RUN the other secrets: with --short")
        return every[:3]
    return every


def main() -> int:
    steps = chosen()
    with shared.installation() as made:
        for step in steps:
            step(made)
        nothing_is_lost(made)
    return 1 if shared.failures else 0


if __name__ == "__main__":
    sys.exit(main())
