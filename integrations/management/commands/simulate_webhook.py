"""Play Jotform: send webhooks to a running instance and serve the radiographs they name."""

import os
import re
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from django.core.management.base import BaseCommand, CommandError
from urllib3.exceptions import HTTPError

from integrations.jotform.simulation import traffic
from integrations.jotform.simulation.loopback import FileServer
from integrations.jotform.simulation.shapes import SHAPES, Shape
from integrations.jotform.simulation.simulator import (
    ENCODINGS,
    SimulatedSubmission,
)
from integrations.jotform.simulation.traffic import EDITABLE, Delivery, Door, Film, SimulatedForm

ALL_SHAPES = "all"
MAX_IMAGE_BYTES = 20 * 1024 * 1024
DEFAULT_RETRY_SECONDS = 5.0
EPILOG = "shapes:\n" + "\n".join(f"  {name:16} {one.says}" for name, one in SHAPES.items())


class Command(BaseCommand):
    help = (
        "Sends webhook requests shaped like Jotform's to a running instance. The radiographs are\n"
        "served on a loopback port until every one was fetched, so the instance must run on\n"
        "this machine and allow 127.0.0.1 in RAIOX_FETCH_ALLOW_HOSTS (make run does). It must run\n"
        "without JOTFORM_API_KEY: with one it asks Jotform, which knows nothing of these."
    )
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        # The shapes stand in lines of their own, where Django would fold them.
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EPILOG
        add = parser.add_argument
        add("--image", required=True, help="a radiograph: file or http(s) address")
        add(
            "--shape",
            default="plain",
            choices=[*SHAPES, ALL_SHAPES],
            metavar="NAME",
            help="one of the shapes below, or all (default: %(default)s)",
        )
        add("--count", type=int, default=1, help="how many submissions to send of each shape")
        add("--repeat", type=int, default=1, help="how often to send each request")
        add(
            "--edit",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help=f"send each submission again, changed: {', '.join(EDITABLE)}, the key of a"
            " question (q6_dente), or film=FILE for another film; may be given several times",
        )
        add("--shuffle", action="store_true", help="in any order, edits before originals too")
        add("--parallel", type=int, default=1, help="how many requests to send at once")
        add(
            "--api",
            default=f"http://localhost:{os.environ.get('PORT') or '8000'}",
            help="the running instance (default: %(default)s; PORT is followed)",
        )
        add("--token", default="", help="the webhook secret, if one is set")
        add("--token-in-path", action="store_true", help="/jotform/<token> instead of ?token=")
        add("--encoding", default="", choices=[*ENCODINGS], help="whatever the shape says")
        add(
            "--secret",
            default=os.environ.get("JF_SECRET", ""),
            help="signs the shape `signed` (default: JF_SECRET)",
        )
        add("--form-id", default=SimulatedSubmission.form_id, help="default: %(default)s")
        add("--timeout", type=float, default=120.0, help="seconds to wait in all")

    def handle(self, *args: object, **options: Any) -> None:
        for name in ("count", "repeat", "parallel"):
            if options[name] < 1:
                raise CommandError(f"--{name} must be at least 1.")
        deadline = time.monotonic() + options["timeout"]
        form = _form(options)
        shapes = self._shapes(options["shape"], form.door) * options["count"]
        with FileServer() as files:
            submitted = [form.submit(shape, files) for shape in shapes]
            total = files.awaited
            rounds = traffic.in_rounds(
                submitted, repeat=options["repeat"], shuffle=options["shuffle"]
            )
            self._send_all(rounds, options["parallel"], deadline)
            unfetched = files.wait(max(0.0, deadline - time.monotonic()))
        if unfetched:
            raise CommandError(f"{unfetched} of {total} radiographs were not fetched in time.")
        sent = sum(map(len, rounds))
        self.stdout.write(self.style.SUCCESS(f"{sent} sent, every radiograph was fetched."))

    def _shapes(self, name: str, door: Door) -> list[Shape]:
        """Those that can be sent; of `all`, the others are named."""
        if name != ALL_SHAPES and (option := door.lacks(SHAPES[name])):
            raise CommandError(f"The shape {name} needs {option}.")
        shapes = {name: SHAPES[name]} if name != ALL_SHAPES else SHAPES
        for left_out, shape in shapes.items():
            if option := door.lacks(shape):
                self.stdout.write(f"without {option}, {left_out} is left out")
        return [shape for shape in shapes.values() if not door.lacks(shape)]

    def _send_all(self, rounds: list[list[Delivery]], parallel: int, deadline: float) -> None:
        with ThreadPoolExecutor(parallel) as pool:
            for deliveries in rounds:
                for answer in pool.map(lambda one: self._send(one, deadline), deliveries):
                    self.stdout.write(answer)

    def _send(self, delivery: Delivery, deadline: float) -> str:
        """What became of it; waits and repeats while the instance says that it is too much."""
        while True:
            response = _post(delivery)
            pause = _pause(response)
            if response.status_code != requests.codes.too_many_requests:
                return _outcome(response)
            if time.monotonic() + pause > deadline:
                raise CommandError("The instance keeps answering 429 (too many requests).")
            self.stdout.write(f"429: waiting {pause:g} s, as the instance asks")
            time.sleep(pause)


def _form(options: dict[str, Any]) -> SimulatedForm:
    answers = dict(_edit(text) for text in options["edit"])
    new_film = answers.pop("film", "")
    return SimulatedForm(
        door=Door(
            api=options["api"],
            token=options["token"],
            secret=options["secret"],
            encoding=options["encoding"],
            is_token_in_path=options["token_in_path"],
        ),
        film=_image(options["image"]),
        form_id=options["form_id"],
        is_edited=bool(options["edit"]),
        answers=answers,
        new_film=_image(new_film) if new_film else None,
    )


def _edit(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not (name in EDITABLE or name == "film" or re.match(r"q\d+_.", name)):
        raise CommandError(f"--edit {text} is not NAME=VALUE; known: {', '.join(EDITABLE)}, film.")
    return name, value


def _post(delivery: Delivery) -> requests.Response:
    try:
        return delivery.send()
    except requests.RequestException as error:
        # The address holds the secret: only the kind of failure is printed.
        raise CommandError(
            f"The instance cannot be reached ({type(error).__name__}): name its address with --api."
        ) from None


def _pause(response: requests.Response) -> float:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else DEFAULT_RETRY_SECONDS


def _outcome(response: requests.Response) -> str:
    try:
        body = response.json()
    except requests.JSONDecodeError:
        body = None
    if response.status_code == requests.codes.ok and isinstance(body, dict) and "case_id" in body:
        return "ignored" if body["case_id"] is None else f"case {body['case_id']}"
    detail = body.get("detail", "") if isinstance(body, dict) else ""
    raise CommandError(f"The instance answered {response.status_code}. {detail}".strip())


def _image(source: str) -> Film:
    parts = urlsplit(source)
    if parts.scheme not in ("http", "https"):
        try:
            return Film(Path(source).name, Path(source).read_bytes())
        except OSError as error:
            raise CommandError(f"{source} cannot be read: {error.strerror}") from error
    try:
        response = requests.get(source, timeout=(5, 30), stream=True)
        response.raise_for_status()
        content = response.raw.read(MAX_IMAGE_BYTES, decode_content=True)
    # Reading the body piece by piece, requests does not translate urllib3's errors.
    except (requests.RequestException, HTTPError) as error:
        raise CommandError(f"The image cannot be fetched: {error}") from error
    return Film(unquote(parts.path.rpartition("/")[2]) or "radiografia", content)
