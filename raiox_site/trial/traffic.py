"""Mixed traffic at a steady rate: what each kind of request does, and what came of it."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from random import Random
from statistics import quantiles
from typing import Any

import requests

from integrations.jotform.simulation.loopback import FileServer
from integrations.jotform.simulation.standin import post_webhook
from raiox_site.trial import films
from raiox_site.trial.desk import Desk
from raiox_site.trial.plan import FIRST_NUMBER, Delivery

THREADS = 24
NO_ANSWER = 0
TIMEOUT = 20.0
# Of a hundred requests.
SHARES = {"jotform": 15, "upload": 8, "webhook": 6, "panel": 36, "api": 35}
# What a client of ours repeats, as Jotform does: nothing of it may be lost.
REPEATED = ("jotform", "upload", "webhook")
AGAIN_SECONDS, AGAIN_TIMES = 2.0, 60
PAGES = (
    "/admin/",
    "/admin/cases/case/",
    "/admin/cases/case/?status=all",
    "/admin/cases/case/live/",
    "/admin/implants/implant/",
    "/admin/implants/referenceimage/",
    "/admin/help/reviewers/",
)
CALLS = ("/ping", "/health", "/implants", "/cases?status=pending&limit=20", "/cases?limit=20")


@dataclass
class Seen:
    """Of one kind: seconds and statuses of all attempts."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)


@dataclass
class Session:
    """Somebody who is logged in to the panel and has a token, in many windows at once; logs in
    one at a time: tries that come together look like an attack."""

    base: str
    username: str
    password: str = field(repr=False)
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def page(self, path: str) -> int:
        cookies = self.cookies
        answer = requests.get(
            self.base + path, cookies=cookies, timeout=TIMEOUT, allow_redirects=False
        )
        if answer.is_redirect and "/login/" in answer.headers.get("Location", ""):
            with self.lock:
                if self.cookies is cookies:
                    self._log_in()
            answer = requests.get(self.base + path, cookies=self.cookies, timeout=TIMEOUT)
        return answer.status_code

    def call(self, path: str) -> int:
        headers = self.headers
        answer = requests.get(self.base + path, headers=headers, timeout=TIMEOUT)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            with self.lock:
                if self.headers is headers:
                    self._get_token()
            answer = requests.get(self.base + path, headers=self.headers, timeout=TIMEOUT)
        return answer.status_code

    def _log_in(self) -> None:
        address = f"{self.base}/admin/login/"
        with requests.Session() as http:
            http.get(address, timeout=TIMEOUT)
            form = {
                "username": self.username,
                "password": self.password,
                "csrfmiddlewaretoken": http.cookies.get("csrftoken", ""),
            }
            http.post(address, data=form, headers={"Referer": address}, timeout=TIMEOUT)
            self.cookies = {one.name: one.value or "" for one in http.cookies}

    def _get_token(self) -> None:
        said = {"username": self.username, "password": self.password}
        given = requests.post(f"{self.base}/auth/token", json=said, timeout=TIMEOUT)
        if given.status_code == HTTPStatus.OK:
            self.headers = {"Authorization": f"Bearer {given.json()['access']}"}


class Traffic:
    """`submissions` and `clients` are whose requests were answered with 200."""

    def __init__(
        self,
        base: str,
        desk: Desk,
        files: FileServer,
        *,
        login: tuple[str, str],
        rate: float,
        seed: int,
    ) -> None:
        self.seen: defaultdict[str, Seen] = defaultdict(Seen)
        self.submissions: set[str] = set()
        self.clients: set[str] = set()
        self.sent: set[str] = set()
        self.longest_silence = 0.0
        self.done = 0
        self._base, self._desk, self._files, self._rate = base, desk, files, rate
        self._session, self._rng = Session(base, *login), Random(seed)  # noqa: S311 # nosec B311 # invented data
        self._local, self._lock = threading.local(), threading.Lock()
        self._number = 0
        self._last_success = time.monotonic()
        self._kinds: dict[str, Callable[[int], int]] = {
            "jotform": self._jotform,
            "upload": self._upload,
            "webhook": self._webhook,
            "panel": lambda number: self._session.page(self._chosen(PAGES)),
            "api": lambda number: self._session.call(self._chosen(CALLS)),
        }

    def run(self, stopping: threading.Event, *, seconds: float) -> None:
        """Send for so long; raises what a sender stumbled upon, apart from the web being down."""
        started = time.monotonic()
        with ThreadPoolExecutor(THREADS) as pool:
            ends = [pool.submit(self._work, started, seconds, stopping) for _one in range(THREADS)]
        for end in ends:
            end.result()

    def latencies(self, kind: str) -> tuple[float, float, float]:
        """Median, 95th percentile and longest, in seconds, of what was answered."""
        times = sorted(self.seen[kind].seconds)
        if len(times) < 2:
            return (times or [0.0])[0], (times or [0.0])[-1], (times or [0.0])[-1]
        cuts = quantiles(times, n=20, method="inclusive")
        return cuts[9], cuts[18], times[-1]

    def _work(self, started: float, seconds: float, stopping: threading.Event) -> None:
        while not stopping.is_set():
            with self._lock:
                number, self._number = self._number, self._number + 1
                kind = self._rng.choices([*SHARES], [*SHARES.values()])[0]
            due = started + number / self._rate
            if due > started + seconds or time.monotonic() > started + seconds:
                return
            stopping.wait(max(due - time.monotonic(), 0.0))
            self._send(kind, number, stopping)

    def _send(self, kind: str, number: int, stopping: threading.Event) -> None:
        for _time in range(AGAIN_TIMES if kind in REPEATED else 1):
            status = self._attempt(kind, number)
            if NO_ANSWER < status < 500 or stopping.wait(AGAIN_SECONDS):
                break
        with self._lock:
            self.done += 1

    def _attempt(self, kind: str, number: int) -> int:
        begun = time.monotonic()
        try:
            status = self._kinds[kind](number)
        except requests.RequestException:
            status = NO_ANSWER
        now = time.monotonic()
        with self._lock:
            self.seen[kind].statuses[status] += 1
            if status:
                self.seen[kind].seconds.append(now - begun)
            if status == 200:
                self.longest_silence = max(self.longest_silence, now - self._last_success)
                self._last_success = now
        return status

    def _jotform(self, number: int) -> int:
        told = getattr(self._local, "told", None)
        if told is None or told[0] != number:
            with self._lock:
                submission_id = str(FIRST_NUMBER + len(self.sent))
                self._desk.submit(submission_id, len(self.sent))
                self.sent.add(submission_id)
            told = self._local.told = (number, submission_id)
        fields = self._desk.fields(Delivery(0.0, number, told[1], 0))
        status = post_webhook(f"{self._base}/jotform", fields, timeout=TIMEOUT).status_code
        if status == 200:
            self.submissions.add(told[1])
        return status

    def _upload(self, number: int) -> int:
        client, film = f"soak-{number}", films.drawn(1_000_000 + number)
        answer = requests.post(
            f"{self._base}/upload",
            files={"file": ("film.jpg", film, "image/jpeg")},
            data={"client_id": client},
            timeout=TIMEOUT,
        )
        return self._noted(client, answer)

    def _webhook(self, number: int) -> int:
        client, path = f"soak-{number}", f"/films/{number}.jpg"
        self._files.offer(path, films.drawn(2_000_000 + number), is_awaited=False)
        body: dict[str, Any] = {
            "image_url": f"{self._files.base}{path}",
            "client_id": client,
            "metadata": {"client_name": "Dra. Exemplo"},
        }
        return self._noted(
            client, requests.post(f"{self._base}/webhook", json=body, timeout=TIMEOUT)
        )

    def _noted(self, client: str, answer: requests.Response) -> int:
        if answer.status_code == 200:
            self.clients.add(client)
        return answer.status_code

    def _chosen(self, paths: Sequence[str]) -> str:
        with self._lock:
            return self._rng.choice(paths)
