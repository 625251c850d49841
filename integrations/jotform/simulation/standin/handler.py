"""How the stand-in answers one request."""

import json
import re
import socket
import struct
import time
from contextlib import suppress
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from integrations.jotform.simulation.standin.faults import LOGIN_PAGE, Fault, Misbehaviour, Recorded
from integrations.jotform.simulation.standin.store import parsed_filter

if TYPE_CHECKING:
    from integrations.jotform.simulation.standin.server import JotformStandIn

PREFIX = re.compile(r"(/API)?(/v1)?(?=/)")
FILE_PATHS = ("/uploads/", "/_fs/")
LIMIT_MESSAGE = "API-Limit exceeded"
DEFAULT_LIMIT, MAX_LIMIT = 20, 1000
Pairs = list[tuple[str, str]]


class StandInHandler(BaseHTTPRequestHandler):
    standin: ClassVar["JotformStandIn"]

    def do_GET(self) -> None:
        request, _pairs = self._record()
        if request.path.startswith(FILE_PATHS):
            self._file(request)
        elif request.path == "/login":
            self._send(200, LOGIN_PAGE, "text/html; charset=utf-8")
        elif self._is_known_place(request) and not self._fails(request, []):
            self._read(request)

    def do_POST(self) -> None:
        request, pairs = self._record()
        if not self._is_known_place(request) or self._fails(request, pairs):
            return
        submission_id = request.path.removeprefix("/submission/")
        if not self._may_edit(request, submission_id):
            self._unauthorised(request)
            return
        self._apply(submission_id, pairs)
        self._confirm(submission_id)

    def _record(self) -> tuple[Recorded, Pairs]:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        query = parse_qsl(parts.query, keep_blank_values=True)
        form = self._form(body)
        request = Recorded(
            method=self.command,
            path=PREFIX.sub("", parts.path, count=1),
            query=dict(query),
            headers={name.lower(): value for name, value in self.headers.items()},
            form=dict(form),
            target=self.path,
            body=body,
        )
        with self.standin.lock:
            self.standin.requests.append(request)
        are_lost = self.standin.percent_encoded_keys_are_lost and b"%5b" in body.lower()
        return request, query if are_lost else query + form

    def _form(self, body: bytes) -> Pairs:
        """The fields of a urlencoded or multipart body; any other kind has none."""
        match self.headers.get_content_type():
            case "application/x-www-form-urlencoded":
                return parse_qsl(body.decode(), keep_blank_values=True)
            case "multipart/form-data":
                head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
                return _multipart(head + body)
        return []

    def _is_known_place(self, request: Recorded) -> bool:
        if self.standin.is_enterprise and not request.target.startswith("/API/"):
            self._send(404, LOGIN_PAGE, "text/html")
            return False
        return True

    def _has_key(self, request: Recorded) -> bool:
        given = request.headers.get("apikey") or request.query.get("apiKey")
        return given == self.standin.api_key

    def _may_edit(self, request: Recorded, submission_id: str) -> bool:
        return (
            self._has_key(request)
            and not self.standin.is_read_only
            and submission_id in self.standin.store.submissions
        )

    def _apply(self, submission_id: str, pairs: Pairs) -> None:
        with self.standin.lock:
            if self.standin.store.apply(submission_id, pairs):
                self.standin.was_edited(submission_id)

    def _confirm(self, submission_id: str) -> None:
        url = f"{self.standin.base}/submission/{submission_id}"
        self._envelope(200, {"submissionID": submission_id, "URL": url})

    def _read(self, request: Recorded) -> None:
        store = self.standin.store
        if not self._has_key(request):
            self._unauthorised(request)
            return
        with self.standin.lock:
            match request.path.strip("/").split("/"):
                case ["user"]:
                    self._envelope(200, {"username": "clinica_exemplo", "status": "ACTIVE"})
                case ["user", "submissions"]:
                    self._list(request, "")
                case ["form", form_id, "submissions"] if form_id in store.form_ids:
                    self._list(request, form_id)
                case ["form", form_id, "questions"] if form_id in store.form_ids:
                    self._envelope(200, store.form_questions())
                case ["submission", submission_id] if submission_id in store.submissions:
                    self._envelope(200, self._view(submission_id))
                case _:
                    self._unauthorised(request)

    def _view(self, submission_id: str) -> dict[str, Any]:
        reads, old = self.standin.old_views.get(submission_id, (0, {}))
        if reads <= 0:
            return self.standin.store.content(submission_id)
        self.standin.old_views[submission_id] = (reads - 1, old)
        return old

    def _list(self, request: Recorded, form_id: str) -> None:
        query, store = request.query, self.standin.store
        try:
            ids = store.matching(
                form_id=form_id,
                filters=parsed_filter(query.get("filter", "")),
                order_by=query.get("orderby") or "created_at",
                is_rising=query.get("direction", "").upper() == "ASC",
            )
            offset = int(query.get("offset") or 0)
            limit = min(int(query.get("limit") or DEFAULT_LIMIT), MAX_LIMIT)
        except ValueError:
            self._envelope(400, "", code=400, message="Bad parameter")
            return
        found = [self._view(one) for one in ids[offset : offset + limit]]
        results = {"offset": offset, "limit": limit, "count": len(found)}
        self._envelope(200, found, resultSet=results)

    def _file(self, request: Recorded) -> None:
        with self.standin.lock:
            reply = self.standin.file_host.reply(request, self.standin.api_key)
        location = {"Location": reply.location} if reply.location else {}
        self._send(reply.status, reply.body, reply.content_type, location)

    def _fails(self, request: Recorded, pairs: Pairs) -> bool:
        if self.standin.limit_left <= 0:
            self._envelope(429, "", code=429, message=LIMIT_MESSAGE)
            return True
        chosen = self.standin.take_fault(self.command, request.path)
        if chosen is not None:
            self._fail(chosen, request, pairs)
        return chosen is not None

    def _fail(self, chosen: Misbehaviour, request: Recorded, pairs: Pairs) -> None:
        message = chosen.message
        match chosen.fault:
            case Fault.REFUSE:
                self._unauthorised(request)
            case Fault.ENVELOPE:
                self._envelope(200, "", code=str(chosen.code), message=message)
            case Fault.STATUS:
                after = {"Retry-After": chosen.retry_after} if chosen.retry_after else {}
                self._envelope(chosen.code, "", code=chosen.code, message=message, headers=after)
            case Fault.DAILY_LIMIT:
                self._envelope(429, "", code=429, message=message or LIMIT_MESSAGE, left=0)
            case Fault.DAILY_LIMIT_AT_200:
                self._envelope(200, "", code=403, message=message or LIMIT_MESSAGE, left=0)
            case Fault.OVER_QUOTA:
                self._envelope(200, "", code=403, message="Form Over Quota")
            case Fault.SLOW:
                time.sleep(self.standin.slow_seconds)
                self._reset()
            case Fault.BROKEN_JSON:
                self._send(200, b'{"responseCode":200,"content":{"id"', "application/json")
            case Fault.HTML:
                self._send(chosen.code, LOGIN_PAGE, "text/html")
            case Fault.RESET:
                self._reset()
            case Fault.REDIRECT:
                self._send(302, b"", "text/html", {"Location": f"{self.standin.base}/elsewhere"})
            case _:
                self._fail_at_editing(chosen, request, pairs)

    def _fail_at_editing(self, chosen: Misbehaviour, request: Recorded, pairs: Pairs) -> None:
        submission_id = request.path.removeprefix("/submission/")
        if submission_id not in self.standin.store.submissions:
            self._unauthorised(request)
            return
        with self.standin.lock:
            if chosen.fault == Fault.SHOWN_LATE:
                old = self.standin.store.content(submission_id)
                self.standin.old_views[submission_id] = (chosen.reads, old)
            in_part = chosen.fault == Fault.APPLIED_IN_PART
            self._apply(submission_id, pairs[:1] if in_part else pairs)
        if chosen.fault == Fault.RESET_AFTER_APPLYING:
            self._reset()
        else:
            self._confirm(submission_id)

    def _unauthorised(self, request: Recorded) -> None:
        """Alike for what is unknown, another account's, or not to be written with this key."""
        parts = request.path.strip("/").split("/")
        place = "-".join([*parts[:1], *(["id"] if parts[0] != "user" else []), *parts[2:]])
        message = f"You're not authorized to use (/{place}) "
        if parts == ["user"]:
            message = "Invalid API key"
        self._envelope(401, "", code=401, message=message)

    def _envelope(
        self,
        status: int,
        content: object,
        *,
        code: object = 200,
        message: str = "success",
        headers: dict[str, str] | None = None,
        left: int | None = None,
        **extra: object,
    ) -> None:
        with self.standin.lock:
            self.standin.limit_left = max(self.standin.limit_left - 1, 0)
        body = {
            "responseCode": code,
            "message": message,
            "content": content,
            "duration": "12.34ms",
            "info": None,
            "limit-left": self.standin.limit_left if left is None else left,
            **extra,
        }
        self._send(status, json.dumps(body).encode(), "application/json", headers)

    def _send(
        self,
        status: int,
        body: bytes,
        content_type: str,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
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


def _multipart(message: bytes) -> Pairs:
    return [
        (
            str(part.get_param("name", header="content-disposition")),
            bytes(part.get_payload(decode=True) or b"").decode(),
        )
        for part in BytesParser().parsebytes(message).walk()
        if not part.is_multipart()
    ]
