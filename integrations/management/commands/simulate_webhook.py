"""Play Jotform: send webhooks to a running instance and serve the radiograph they name."""

import os
import time
from argparse import ArgumentParser
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import requests
from django.core.management.base import BaseCommand, CommandError
from urllib3.exceptions import HTTPError

from integrations.jotform.loopback import FileServer
from integrations.jotform.simulator import (
    UPLOAD_QUESTION,
    SimulatedSubmission,
    new_submission_id,
    post_webhook,
    webhook_fields,
)

MAX_IMAGE_BYTES = 20 * 1024 * 1024
DEFAULT_RETRY_SECONDS = 5.0


class Command(BaseCommand):
    help = (
        "Sends webhook requests shaped like Jotform's to a running instance. The radiograph is"
        " served on a loopback port until every copy was fetched, so the instance must run on"
        " this machine and allow 127.0.0.1 in RAIOX_FETCH_ALLOW_HOSTS (make run does)."
    )
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--image", required=True, help="a radiograph: file or http(s) address")
        parser.add_argument("--count", type=int, default=1, help="how many submissions to send")
        parser.add_argument(
            "--api",
            default=f"http://localhost:{os.environ.get('PORT') or '8000'}",
            help="the running instance (default: %(default)s; PORT is followed)",
        )
        parser.add_argument("--token", default="", help="the webhook secret, if one is set")
        parser.add_argument("--timeout", type=float, default=120.0, help="seconds to wait in all")

    def handle(
        self,
        *args: object,
        image: str,
        count: int,
        api: str,
        token: str,
        timeout: float,
        **options: object,
    ) -> None:
        if count < 1:
            raise CommandError("--count must be at least 1.")
        deadline = time.monotonic() + timeout
        name, content = _image(image)
        with FileServer() as files:
            for _number in range(count):
                submission = SimulatedSubmission(
                    submission_id=new_submission_id(),
                    upload_base=files.base,
                    webhook_url=_webhook_url(api, token),
                    uploads={UPLOAD_QUESTION: [name]},
                )
                files.offer(submission.upload_path(name), content)
                self.stdout.write(f"case {self._send(submission, deadline)}")
            unfetched = files.wait(max(0.0, deadline - time.monotonic()))
        if unfetched:
            raise CommandError(f"{unfetched} of {count} radiographs were not fetched in time.")
        self.stdout.write(self.style.SUCCESS(f"{count} sent, every radiograph was fetched."))

    def _send(self, submission: SimulatedSubmission, deadline: float) -> object:
        """The case number; waits and repeats while the instance says that it is too much."""
        while True:
            response = _post(submission)
            pause = _pause(response)
            if response.status_code != requests.codes.too_many_requests:
                return _case_id(response)
            if time.monotonic() + pause > deadline:
                raise CommandError("The instance keeps answering 429 (too many requests).")
            self.stdout.write(f"429: waiting {pause:g} s, as the instance asks")
            time.sleep(pause)


def _post(submission: SimulatedSubmission) -> requests.Response:
    try:
        return post_webhook(submission.webhook_url, webhook_fields(submission))
    except requests.RequestException as error:
        # The address holds the secret: only the kind of failure is printed.
        raise CommandError(
            f"The instance cannot be reached ({type(error).__name__}): name its address with --api."
        ) from None


def _pause(response: requests.Response) -> float:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else DEFAULT_RETRY_SECONDS


def _case_id(response: requests.Response) -> object:
    try:
        body = response.json()
    except requests.JSONDecodeError:
        body = None
    if response.status_code == requests.codes.ok and isinstance(body, dict) and "case_id" in body:
        return body["case_id"]
    detail = body.get("detail", "") if isinstance(body, dict) else ""
    raise CommandError(f"The instance answered {response.status_code}. {detail}".strip())


def _webhook_url(api: str, token: str) -> str:
    url = f"{api.rstrip('/')}/jotform"
    return f"{url}?token={quote(token, safe='')}" if token else url


def _image(source: str) -> tuple[str, bytes]:
    """File name and bytes of the radiograph."""
    parts = urlsplit(source)
    if parts.scheme not in ("http", "https"):
        try:
            return Path(source).name, Path(source).read_bytes()
        except OSError as error:
            raise CommandError(f"{source} cannot be read: {error.strerror}") from error
    try:
        response = requests.get(source, timeout=(5, 30), stream=True)
        response.raise_for_status()
        content = response.raw.read(MAX_IMAGE_BYTES, decode_content=True)
    # Reading the body piece by piece, requests does not translate urllib3's errors.
    except (requests.RequestException, HTTPError) as error:
        raise CommandError(f"The image cannot be fetched: {error}") from error
    return unquote(parts.path.rpartition("/")[2]) or "radiografia", content
