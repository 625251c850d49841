"""The outside world of the trial of secrets: a mail server and a Telegram that look at who comes,
an S3 server that checks signatures, a PostgreSQL that asks for a password."""

import base64
import contextlib
import json
import os
import secrets
import shutil
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import requests

BUCKET = "raiox-images"


def within(seconds: float, condition: Callable[[], Any]) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


class Mail(socketserver.ThreadingTCPServer):
    """Takes mail of whoever knows `password`; `refused` counts the others."""

    daemon_threads = allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _MailHandler)
        self.password, self.taken, self.refused = secrets.token_hex(8), 0, 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"smtp://raiox:{self.password}@127.0.0.1:{self.server_address[1]}"


class _MailHandler(socketserver.StreamRequestHandler):
    server: Mail

    def handle(self) -> None:
        self.say("220 trial")
        with contextlib.suppress(OSError):
            for line in self.rfile:
                if not self.answer(line.decode().strip()):
                    return

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def answer(self, line: str) -> bool:
        word = line.upper().split(" ")[0]
        if word == "EHLO":
            self.say("250-trial\r\n250 AUTH PLAIN")
        elif word == "AUTH":
            self.log_in(line.split(" ")[-1])
        elif word == "DATA":
            self.say("354 go on")
            for one in self.rfile:
                if one == b".\r\n":
                    break
            self.server.taken += 1
            self.say("250 taken")
        else:
            self.say("221 bye" if word == "QUIT" else "250 fine")
        return word != "QUIT"

    def log_in(self, given: str) -> None:
        is_right = base64.b64decode(given).decode().split("\0")[-1] == self.server.password
        self.server.refused += not is_right
        self.say("235 welcome" if is_right else "535 no")


class Telegram(ThreadingHTTPServer):
    """Answers the bot whose `token` is right."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _TelegramHandler)
        self.token = f"1:{secrets.token_hex(16)}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _TelegramHandler(BaseHTTPRequestHandler):
    server: Telegram

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        is_right = self.path.startswith(f"/bot{self.server.token}/")
        body = json.dumps({"ok": is_right, "result": {"message_id": 1}, "description": "no"})
        self.send_response(200 if is_right else 401)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_args: Any) -> None:
        pass


class Spaces:
    """moto's S3 server, which from now on wants signatures of keys that it knows."""

    def __init__(self, port: int, log: Path) -> None:
        self.base = f"http://127.0.0.1:{port}"
        # As many calls as `prepare` makes go unsigned.
        variables = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "5"}
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-p", str(port)],
                env=variables, stdout=output, stderr=output,
            )  # fmt: skip
        if not within(60, self._is_up):
            raise TimeoutError("moto does not start")
        self.pairs = self.prepare()

    def _is_up(self) -> bool:
        try:
            return requests.get(f"{self.base}/moto-api/", timeout=2).ok
        except requests.RequestException:
            return False

    def _client(self, service: str, key: str = "any", secret: str = "any") -> Any:  # noqa: S107
        return boto3.client(
            service, endpoint_url=self.base, region_name="us-east-1",
            aws_access_key_id=key, aws_secret_access_key=secret,
        )  # fmt: skip

    def prepare(self) -> list[tuple[str, str]]:
        iam = self._client("iam")
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        iam.create_user(UserName="raiox")
        iam.put_user_policy(
            UserName="raiox",
            PolicyName="all",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [everything]}),
        )
        keys = [iam.create_access_key(UserName="raiox")["AccessKey"] for _time in range(2)]
        self._client("s3").create_bucket(Bucket=BUCKET)
        return [(one["AccessKeyId"], one["SecretAccessKey"]) for one in keys]

    def forget_first(self) -> None:
        iam = self._client("iam", *self.pairs[1])
        iam.delete_access_key(UserName="raiox", AccessKeyId=self.pairs[0][0])


class Postgres:
    """A server on TCP that knows one role, by its password only."""

    def __init__(self, bin_dir: Path, folder: Path, port: int) -> None:
        self.bin_dir, self.data, self.port = bin_dir, folder / "postgres", port
        self.password = secrets.token_urlsafe(12)
        self.prefix: list[str] = []
        folder.chmod(0o755)
        self.data.mkdir(mode=0o700)
        word = folder / "postgres-password"
        word.write_text(self.password)
        if os.geteuid() == 0:
            for path in (self.data, word):
                shutil.chown(path, "nobody")
            self.prefix = ["setpriv", "--reuid=nobody", "--clear-groups", "--"]
        self._run("initdb", "-U", "raiox", "-A", "scram-sha-256", f"--pwfile={word}", "-E", "UTF8")
        word.unlink()
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        self._run("pg_ctl", "-w", "-l", str(self.data / "log"), "-o", options, "start")

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self.prefix, str(self.bin_dir / program), "-D", str(self.data), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd="/", timeout=120)

    def stop(self) -> None:
        self._run("pg_ctl", "-m", "immediate", "stop")
