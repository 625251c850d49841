"""A Telegram and a mail server on loopback ports, for the tests of what staff is told."""

import json
import socketserver
import threading
from collections import deque
from contextlib import suppress
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler

from django.db.models import F

from cases.models import Case
from integrations import notify, tasks
from integrations.jotform.simulation.loopback import LoopbackServer
from integrations.models import StaffNotice

TOKEN = "123456:AAexample-token_of-a-bot"
CHAT = "-1001234"
RECIPIENTS = ["brenda@clinica.example", "ana@clinica.example"]
PUBLIC = "https://raiox.example.org"


def new_case():
    """A case that awaits review and that staff is going to be told of."""
    case = Case.objects.create(source=Case.Source.UPLOAD, status=Case.Status.PENDING)
    notify.tell_of_new_case(case=case)
    return case


def row(channel=StaffNotice.Channel.TELEGRAM):
    return StaffNotice.objects.filter(channel=channel).latest("pk")


def run(*, later=None):
    """Send what is due now, or after that time has passed."""
    waiting = StaffNotice.objects.filter(sent_at=None)
    if later:
        waiting.update(next_try_at=F("next_try_at") - later)
    tasks.send_notices()


class TelegramStandIn(LoopbackServer):
    """Takes `sendMessage` for one bot and one chat, as strictly as the original: `messages` is
    what arrived, `calls` how often it was called. `refuse` makes it answer otherwise, once;
    with `hang` it sets `called` and does not answer before `release` is set."""

    def __init__(self):
        super().__init__(_handler(self))
        self.messages = []
        self.calls = 0
        self.called, self.release = threading.Event(), threading.Event()
        self.release.set()
        self._refusals = deque()

    def hang(self):
        self.called.clear()
        self.release.clear()

    def refuse(self, status, *, times=1, headers=(), body=None, **parameters):
        if body is None:
            answer = {"ok": False, "error_code": status, "description": "refused"}
            if parameters:
                answer["parameters"] = parameters
            body = json.dumps(answer).encode()
        self._refusals.extend([(status, body, headers)] * times)

    def answer(self, path, content):
        self.calls += 1
        self.called.set()
        self.release.wait(30)
        if self._refusals:
            return self._refusals.popleft()
        if path != f"/bot{TOKEN}/sendMessage":
            return 401, b'{"ok":false,"error_code":401,"description":"Unauthorized"}', ()
        request = json.loads(content)
        if request["chat_id"] != CHAT or not 0 < len(request["text"]) <= 4096:
            return 400, b'{"ok":false,"error_code":400,"description":"Bad Request"}', ()
        self.messages.append(request)
        return 200, b'{"ok":true,"result":{"message_id":1}}', ()


def _handler(telegram):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            content = self.rfile.read(int(self.headers["Content-Length"]))
            with suppress(ConnectionError):
                self.say(*telegram.answer(self.path, content))

        def say(self, status, body, headers):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            telegram.calls += 1
            self.send_error(404)

        def log_message(self, *args):
            pass

    return Handler


class MailServer:
    """Speaks as much SMTP as smtplib asks for; `mails` is what arrived, (recipients, message).
    `refusal` is its answer to RCPT, where it is not to take any."""

    def __init__(self, refusal=b""):
        self.refusal = refusal
        self.mails = []
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _conversation(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *args):
        self._server.shutdown()
        self._server.server_close()


def _conversation(server):
    class Conversation(socketserver.StreamRequestHandler):
        def handle(self):
            recipients = []
            self.say(b"220 mail.example")
            while line := self.rfile.readline():
                verb = line[:4].upper().strip()
                if verb == b"RCPT":
                    recipients.append(line.decode().partition("<")[2].partition(">")[0])
                    self.say(server.refusal or b"250 OK")
                elif verb == b"DATA":
                    self.say(b"354 go on")
                    server.mails.append((recipients, self.mail()))
                    self.say(b"250 taken")
                elif verb == b"QUIT":
                    self.say(b"221 bye")
                    return
                else:
                    self.say(b"250 OK")

        def mail(self):
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line)
            return message_from_bytes(b"".join(lines), policy=default)

        def say(self, line):
            self.wfile.write(line + b"\r\n")

    return Conversation
