"""The stand-in as its users see it."""

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any
from urllib.parse import unquote

import requests

from integrations.jotform.simulation.loopback import LoopbackServer
from integrations.jotform.simulation.simulator import (
    SimulatedSubmission,
    post_webhook,
    webhook_fields,
)
from integrations.jotform.simulation.standin.faults import Fault, Late, Misbehaviour, Recorded
from integrations.jotform.simulation.standin.files import FileHost
from integrations.jotform.simulation.standin.handler import StandInHandler
from integrations.jotform.simulation.standin.store import Clock, Store

API_KEY = "0123456789abcdef0123456789abcdef"


class JotformStandIn(LoopbackServer):
    """Use as a context manager; `base` is its address. `requests` is everything it was asked.

    Its attributes may be changed at any time: see the comments beside them.
    """

    def __init__(self, *, host: str = "127.0.0.1") -> None:
        super().__init__(type("Handler", (StandInHandler,), {"standin": self}), host=host)
        # The default queue of five would refuse a crowd of workers.
        self._server.socket.listen(128)
        self.lock = threading.RLock()
        self.api_key = API_KEY
        self.is_read_only = False
        # Enterprise answers below /API only.
        self.is_enterprise = False
        self.limit_left = 50_000
        self.slow_seconds = 1.0
        # A body whose brackets are percent-encoded is answered with 200 and does nothing.
        self.percent_encoded_keys_are_lost = False
        # With both, each edit is announced by a webhook like a new submission.
        self.webhook_url = ""
        self.refires = False
        self.requests: list[Recorded] = []
        self.store = Store()
        self.file_host = FileHost()
        self.faults: list[Misbehaviour] = []
        self.old_views: dict[str, tuple[int, dict[str, Any]]] = {}
        self.webhook_statuses: list[int | None] = []
        self._webhooks: list[threading.Thread] = []

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.wait_for_webhooks()
        super().__exit__(kind, error, traceback)

    @property
    def clock(self) -> Clock:
        """`clock.now` and `clock.zone` decide what `created_at` and `updated_at` say."""
        return self.store.clock

    @property
    def files(self) -> dict[str, bytes]:
        """Contents by the path of the URL, unquoted."""
        return self.file_host.files

    @property
    def rewrite(self) -> Callable[[str], str]:
        """What a field does to a text that is written to it."""
        return self.store.rewrite

    @rewrite.setter
    def rewrite(self, rewrite: Callable[[str], str]) -> None:
        self.store.rewrite = rewrite

    @property
    def files_need_login(self) -> bool:
        return self.file_host.need_login

    @files_need_login.setter
    def files_need_login(self, is_needed: bool) -> None:
        self.file_host.need_login = is_needed

    def add(self, submission: SimulatedSubmission, **contents: bytes) -> None:
        """Make the submission known, and its files by name (`**{"film.png": b"…"}`).

        One that is known already is replaced, as by an edit that fires no webhook.
        """
        with self.lock:
            self.store.add(submission)
            self._keep_files(submission, contents)

    def edit(
        self,
        submission_id: str,
        answers: Mapping[str, Any] | None = None,
        uploads: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        """The dentist edits at Jotform. Keys are question numbers; `uploads` replaces file
        names, or names with contents (`{"7": {"b.png": b"…"}}`)."""
        with self.lock:
            stored = self.store.submissions[submission_id]
            stored.answers.update({_number(key): value for key, value in (answers or {}).items()})
            for key, names in (uploads or {}).items():
                stored.uploads[_number(key)] = list(names)
                if isinstance(names, Mapping):
                    self._keep_files(stored.seed, names)
            self.store.touch(stored)
            self.was_edited(submission_id)

    def delete(self, submission_id: str) -> None:
        """It stays readable, as DELETED."""
        with self.lock:
            stored = self.store.submissions[submission_id]
            stored.status = "DELETED"
            self.store.touch(stored)

    def forget(self, submission_id: str) -> None:
        """From now on 401, as for a submission that never was."""
        with self.lock:
            del self.store.submissions[submission_id]

    def shown(self, submission_id: str, number: str) -> Any:
        with self.lock:
            return self.store.submissions[submission_id].answer(number) or ""

    def mark(self, submission_id: str, name: str) -> str:
        """The submission's `flag` or `new`."""
        with self.lock:
            return self.store.submissions[submission_id].marks[name]

    def version(self, submission_id: str) -> str:
        """What the API shows as `updated_at`, else as `created_at`."""
        with self.lock:
            stored = self.store.submissions[submission_id]
            return stored.updated_at or stored.created_at

    def misbehave(self, fault: Fault, **details: Any) -> None:
        """The next API calls fail in this way; `details` are those of Misbehaviour."""
        with self.lock:
            self.faults.append(Misbehaviour(fault, **details))

    def be_late(self, path: str, how: Late, *, times: int = 1) -> None:
        """The file (path of its URL) is not there yet, `times` times."""
        with self.lock:
            self.file_host.late.setdefault(unquote(path), []).extend([how] * times)

    def edits(self) -> list[Recorded]:
        with self.lock:
            return [one for one in self.requests if one.method == "POST"]

    def take_fault(self, method: str, path: str) -> Misbehaviour | None:
        with self.lock:
            for fault in self.faults:
                if not fault.concerns(method, path):
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    def was_edited(self, submission_id: str) -> None:
        """Announce an edit that was applied, where Jotform does so."""
        if not (self.refires and self.webhook_url):
            return
        fields = webhook_fields(self.store.current(submission_id))
        thread = threading.Thread(target=self._post, args=(self.webhook_url, fields), daemon=True)
        self._webhooks.append(thread)
        thread.start()

    def wait_for_webhooks(self, seconds: float = 10) -> list[int | None]:
        """The HTTP statuses so far, None for a webhook that could not be delivered."""
        for thread in list(self._webhooks):
            thread.join(seconds)
        return list(self.webhook_statuses)

    def _post(self, url: str, fields: list[tuple[str, str]]) -> None:
        status = None
        with suppress(requests.RequestException):
            status = post_webhook(url, fields).status_code
        with self.lock:
            self.webhook_statuses.append(status)

    def _keep_files(self, submission: SimulatedSubmission, contents: Mapping[str, bytes]) -> None:
        for name, content in contents.items():
            self.file_host.files[unquote(submission.upload_path(name))] = content


def _number(key: str) -> str:
    return key.partition("_")[0].removeprefix("q")
