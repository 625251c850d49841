"""Jotform's REST API and file host on a loopback port, as strict as the documented original.

What it knows of Jotform is written in its handlers; `misbehave` makes it fail on request.
"""

import enum
import json
import re
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from integrations.jotform.loopback import LoopbackServer
from integrations.jotform.simulator import (
    SimulatedSubmission,
    post_webhook,
    webhook_fields,
)

__all__ = ["Fault", "JotformStandIn", "SimulatedSubmission", "post_webhook", "webhook_fields"]

API_KEY = "0123456789abcdef0123456789abcdef"
LOGIN_PAGE = b"<!DOCTYPE html><html><body>Log in</body></html>"
QUESTIONS = {
    "3": ("nomeDoDentista", "control_fullname"),
    "4": ("email", "control_email"),
    "5": ("nomeDoPaciente", "control_fullname"),
    "6": ("dente", "control_textbox"),
    "7": ("radiografia", "control_fileupload"),
    "10": ("resultado", "control_textarea"),
    "11": ("fabricante", "control_textbox"),
    "12": ("situacao", "control_textbox"),
}
KEY = re.compile(r"submission\[(\w+)\](?:\[(\w*)\])?")
SHORTHAND = re.compile(r"(\d+)_(\w+)")


class Fault(enum.Enum):
    REFUSE = "401 as for a bad key, an unknown submission or a read-only key"
    ENVELOPE = "HTTP 200 with a failing, quoted responseCode"
    STATUS = "a failing HTTP status with an envelope"
    SLOW = "no answer within the client's patience"
    BROKEN_JSON = "HTTP 200 with half an envelope"
    HTML = "HTTP 200 with a web page"
    RESET = "connection reset before anything is done"
    RESET_AFTER_APPLYING = "the edit is applied, its answer is lost"
    REDIRECT = "302 to somewhere else"


@dataclass
class Misbehaviour:
    fault: Fault
    method: str
    code: int
    message: str


@dataclass
class Recorded:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str] = field(default_factory=dict)


class JotformStandIn(LoopbackServer):
    """Use as a context manager; `base` is its address. `requests` is everything it was asked."""

    def __init__(self) -> None:
        super().__init__(_handler(self))
        self.api_key = API_KEY
        self.requests: list[Recorded] = []
        self.submissions: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.files_need_login = False
        self.slow_seconds = 1.0
        self.rewrite: Callable[[str], str] = str
        self.limit_left = 1000
        self.faults: deque[Misbehaviour] = deque()
        self.lock = threading.RLock()

    def add(self, submission: SimulatedSubmission, **contents: bytes) -> None:
        """Make the submission known, and its files by name (`**{"film.png": b"…"}`)."""
        answers = {key.partition("_")[0][1:]: value for key, value in submission.answers.items()}
        for question in submission.uploads:
            answers[question.partition("_")[0][1:]] = submission.upload_urls(question)
        self.submissions[submission.submission_id] = {
            "form_id": submission.form_id,
            "answers": answers,
        }
        for name, content in contents.items():
            self.files[unquote(submission.upload_path(name))] = content

    def shown(self, submission_id: str, number: str) -> Any:
        return self.submissions[submission_id]["answers"].get(number, "")

    def misbehave(
        self, fault: Fault, *, method: str = "", code: int = 500, message: str = ""
    ) -> None:
        """The next API call (of that method) fails in this way."""
        with self.lock:
            self.faults.append(Misbehaviour(fault, method, code, message))

    def edits(self) -> list[Recorded]:
        return [one for one in self.requests if one.method == "POST"]

    def take_fault(self, method: str) -> Misbehaviour | None:
        with self.lock:
            for fault in self.faults:
                if fault.method in ("", method):
                    self.faults.remove(fault)
                    return fault
        return None

    def apply(self, submission_id: str, form: dict[str, str]) -> None:
        """Bracketed keys only; numbers that the form does not have are dropped in silence."""
        answers = self.submissions[submission_id]["answers"]
        for name, value in form.items():
            key = KEY.fullmatch(name)
            if not key:
                continue
            number, part = key[1], key[2]
            if shorthand := SHORTHAND.fullmatch(number):
                number, part = shorthand[1], shorthand[2]
            if number in QUESTIONS and part:
                old = answers.get(number)
                answers[number] = {**(old if isinstance(old, dict) else {}), part: value}
            elif number in QUESTIONS:
                answers[number] = self.rewrite(value)

    def content(self, submission_id: str) -> dict[str, Any]:
        submission = self.submissions[submission_id]
        answers: dict[str, dict[str, Any]] = {}
        for order, (number, (name, kind)) in enumerate(QUESTIONS.items(), 1):
            answers[number] = {"name": name, "order": str(order), "text": name, "type": kind}
            if submission["answers"].get(number):
                answers[number]["answer"] = submission["answers"][number]
        return {
            "id": submission_id,
            "form_id": submission["form_id"],
            "created_at": "2026-11-21 10:00:00",
            "status": "ACTIVE",
            "updated_at": None,
            "answers": answers,
        }


def _handler(standin: JotformStandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            request = self._record()
            if request.path.startswith("/uploads/"):
                self._file(request)
            elif not self._fails(request):
                self._read(request)

        def do_POST(self) -> None:
            request = self._record()
            if self._fails(request):
                return
            submission_id = request.path.removeprefix("/submission/")
            if submission_id not in standin.submissions or not self._has_key(request):
                self._unauthorised(request)
                return
            with standin.lock:
                standin.apply(submission_id, request.form)
            url = f"{standin.base}/submission/{submission_id}"
            self._envelope(200, {"submissionID": submission_id, "URL": url})

        def _record(self) -> Recorded:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_form = self.headers.get_content_type() == "application/x-www-form-urlencoded"
            parts = urlsplit(self.path)
            request = Recorded(
                method=self.command,
                path=parts.path,
                query=dict(parse_qsl(parts.query)),
                headers={name.lower(): value for name, value in self.headers.items()},
                form=dict(parse_qsl(body.decode(), keep_blank_values=True)) if is_form else {},
            )
            with standin.lock:
                standin.requests.append(request)
            return request

        def _has_key(self, request: Recorded) -> bool:
            given = request.headers.get("apikey") or request.query.get("apiKey")
            return given == standin.api_key

        def _read(self, request: Recorded) -> None:
            _, kind, *rest = request.path.split("/")
            number = rest[0] if rest else ""
            if not self._has_key(request):
                self._unauthorised(request)
            elif kind == "user":
                self._envelope(200, {"username": "clinica_exemplo", "status": "ACTIVE"})
            elif kind == "form" and rest[1:] == ["questions"]:
                self._envelope(200, _questions())
            elif kind == "submission" and number in standin.submissions:
                with standin.lock:
                    content = standin.content(number)
                self._envelope(200, content)
            else:
                self._unauthorised(request)

        def _file(self, request: Recorded) -> None:
            content = standin.files.get(unquote(request.path))
            if standin.files_need_login and not self._has_key(request):
                self._send(200, LOGIN_PAGE, "text/html; charset=utf-8")
            elif content is None:
                self._send(404, LOGIN_PAGE, "text/html; charset=utf-8")
            else:
                self._send(200, content, "application/octet-stream")

        def _fails(self, request: Recorded) -> bool:
            chosen = standin.take_fault(self.command)
            if chosen is None:
                return False
            match chosen.fault:
                case Fault.REFUSE:
                    self._unauthorised(request)
                case Fault.ENVELOPE:
                    self._envelope(200, "", code=str(chosen.code), message=chosen.message)
                case Fault.STATUS:
                    self._envelope(chosen.code, "", code=chosen.code, message=chosen.message)
                case Fault.SLOW:
                    time.sleep(standin.slow_seconds)
                    self._reset()
                case Fault.BROKEN_JSON:
                    self._send(200, b'{"responseCode":200,"content":{"id"', "application/json")
                case Fault.HTML:
                    self._send(chosen.code, LOGIN_PAGE, "text/html")
                case Fault.RESET:
                    self._reset()
                case Fault.RESET_AFTER_APPLYING:
                    standin.apply(request.path.removeprefix("/submission/"), request.form)
                    self._reset()
                case Fault.REDIRECT:
                    self.send_response(302)
                    self.send_header("Location", f"{standin.base}/elsewhere")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
            return True

        def _unauthorised(self, request: Recorded) -> None:
            kind = request.path.split("/")[1]
            message = f"You're not authorized to use (/{kind}-id) "
            self._envelope(401, "", code=401, message=message)

        def _envelope(
            self, status: int, content: object, *, code: object = 200, message: str = "success"
        ) -> None:
            standin.limit_left -= 1
            body = {
                "responseCode": code,
                "message": message,
                "content": content,
                "duration": "12.34ms",
                "info": None,
                "limit-left": standin.limit_left,
            }
            self._send(status, json.dumps(body).encode(), "application/json")

        def _send(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _reset(self) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()

        def handle(self) -> None:
            with suppress(OSError, ValueError):
                super().handle()

        def finish(self) -> None:
            with suppress(OSError, ValueError):
                super().finish()

        def log_message(self, format: str, *args: object) -> None:
            return

    return Handler


def _questions() -> dict[str, dict[str, str]]:
    return {
        number: {"qid": number, "name": name, "text": name, "type": kind, "order": str(order)}
        for order, (number, (name, kind)) in enumerate(QUESTIONS.items(), 1)
    }
