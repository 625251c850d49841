"""A Telegram and a mail server on loopback ports, which keep what they are sent."""

import json
import socketserver
import threading
from contextlib import suppress
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler
from typing import Any

from integrations.jotform.simulation.loopback import LoopbackServer

ALERTS_TOKEN = "1:alerts-bot"  # noqa: S105 # nosec B105 # of a stand-in
STAFF_TOKEN = "2:staff-bot"  # noqa: S105 # nosec B105 # of a stand-in
CHAT = -1001


class Telegram(LoopbackServer):
    """`texts` is what the bot of the alerts was given; the one that tells staff of cases
    `refuses` or not."""

    def __init__(self) -> None:
        super().__init__(type("Handler", (_TelegramHandler,), {"telegram": self}))
        self.texts: list[str] = []
        self.refuses = False

    def answer(self, path: str, body: dict[str, Any]) -> int:
        if path == f"/bot{ALERTS_TOKEN}/sendMessage" and int(body["chat_id"]) == CHAT:
            self.texts.append(str(body["text"]))
            return 200
        if path == f"/bot{STAFF_TOKEN}/sendMessage":
            return 403 if self.refuses else 200
        return 401


class _TelegramHandler(BaseHTTPRequestHandler):
    telegram: Telegram

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.telegram.answer(self.path, body)
        message = {"message_id": 1, "date": 1, "chat": {"id": CHAT, "type": "group"}}
        result = {"ok": status == 200, "error_code": status, "description": "Forbidden"}
        answer = json.dumps({**result, "result": message}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: object) -> None:
        """Nothing."""


class MailServer:
    """As much SMTP as a client asks for; `mails` are subject and text of what arrived."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str]] = []
        handler = type("Handler", (_MailHandler,), {"mails": self.mails})
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])

    def __enter__(self) -> "MailServer":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _MailHandler(socketserver.StreamRequestHandler):
    mails: list[tuple[str, str]]

    def handle(self) -> None:
        # Whoever has said all may hang up without waiting for the answer.
        with suppress(ConnectionError):
            self._converse()

    def _converse(self) -> None:
        self._say(b"220 mail.example")
        while line := self.rfile.readline():
            verb = line[:4].upper().strip()
            if verb == b"DATA":
                self._say(b"354 go on")
                self.mails.append(self._mail())
            if verb == b"QUIT":
                self._say(b"221 bye")
                return
            self._say(b"250 OK")

    def _mail(self) -> tuple[str, str]:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        message = message_from_bytes(b"".join(lines), policy=default)
        body = message.get_body(preferencelist=("plain",))
        return str(message["Subject"]), body.get_content() if body else ""

    def _say(self, line: bytes) -> None:
        self.wfile.write(line + b"\r\n")
