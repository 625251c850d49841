"""Which requests a simulated form sends, in which order."""

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote

import requests

from integrations.jotform.incoming.payload import parse
from integrations.jotform.simulation.loopback import FileServer
from integrations.jotform.simulation.shapes import DOCUMENT, Shape
from integrations.jotform.simulation.simulator import (
    UPLOAD_QUESTION,
    SimulatedSubmission,
    new_submission_id,
    post_webhook,
    webhook_fields,
)

# What an edit calls the questions of the simulated form.
EDITABLE = {
    "dentist": "q3_nomeDoDentista",
    "email": "q4_email",
    "patient": "q5_nomeDoPaciente",
    "tooth": "q6_dente",
}
EDIT_AFTER_MS = 60_000


@dataclass(frozen=True)
class Door:
    """The running instance (`http://host:port`), and what proves that Jotform is asking."""

    api: str
    token: str = ""
    secret: str = ""
    encoding: str = ""
    is_token_in_path: bool = False

    def url(self, shape: Shape) -> str:
        url, token = f"{self.api.rstrip('/')}/jotform", quote(self.token, safe="")
        if not token:
            return url
        in_path = self.is_token_in_path or shape.has_token_in_path
        return f"{url}/{token}" if in_path else f"{url}?token={token}"

    def lacks(self, shape: Shape) -> str:
        """The option without which this shape cannot be sent; empty when there is none."""
        if shape.is_signed and not self.secret:
            return "--secret"
        return "--token" if shape.has_token_in_path and not self.token else ""


@dataclass(frozen=True)
class Delivery:
    """One request, the same each time that it is sent."""

    url: str
    fields: Sequence[tuple[str, str]]
    encoding: str
    secret: str

    def send(self) -> requests.Response:
        """Raises requests.RequestException."""
        return post_webhook(self.url, self.fields, encoding=self.encoding, secret=self.secret)


@dataclass(frozen=True)
class Film:
    name: str
    content: bytes


@dataclass(frozen=True)
class SimulatedForm:
    """A simulated form, whose submissions are sent through `door` and are edited if
    `is_edited`: then with `answers` (see `edited`) and, where it is given, `new_film`."""

    door: Door
    film: Film
    form_id: str
    is_edited: bool = False
    answers: Mapping[str, str] = field(default_factory=dict)
    new_film: Film | None = None

    def submit(self, shape: Shape, files: FileServer) -> tuple[Delivery, list[Delivery]]:
        """A new submission and its edit, if any; their films are served by `files`."""
        submission = self._submission(shape, files.base)
        _offer(files, submission, self.film.content, is_awaited=not self.new_film)
        first = self._delivery(submission, shape)
        if not self.is_edited:
            return first, []
        film = self.new_film or Film("", self.film.content)
        changed = edited(submission, answers=self.answers, film=film.name)
        _offer(files, changed, film.content)
        return first, [self._delivery(changed, shape)]

    def _submission(self, shape: Shape, upload_base: str) -> SimulatedSubmission:
        plain = SimulatedSubmission(
            submission_id=new_submission_id(),
            upload_base=upload_base,
            form_id=self.form_id,
            webhook_url=self.door.url(shape),
            uploads={UPLOAD_QUESTION: [self.film.name]},
            submitted_ms=time.time_ns() // 1_000_000,
        )
        return shape.change(plain)

    def _delivery(self, submission: SimulatedSubmission, shape: Shape) -> Delivery:
        return Delivery(
            url=submission.webhook_url,
            fields=webhook_fields(submission),
            encoding=self.door.encoding or shape.encoding,
            secret=self.door.secret if shape.is_signed else "",
        )


def _offer(
    files: FileServer, submission: SimulatedSubmission, content: bytes, *, is_awaited: bool = True
) -> None:
    for names in submission.uploads.values():
        for name in names:
            path = submission.upload_path(name)
            files.offer(path, content, is_awaited=is_awaited and path in films(submission))


def edited(
    submission: SimulatedSubmission, *, answers: Mapping[str, str], film: str = ""
) -> SimulatedSubmission:
    """The same submission a minute later: `answers` by name (EDITABLE) or key (`q6_dente`),
    and another film in place of the first one where it is named."""
    changed = {EDITABLE.get(name, name): text for name, text in answers.items()}
    uploads = {question: list(names) for question, names in submission.uploads.items()}
    if film:
        uploads[next(iter(uploads))][0] = film
    return replace(
        submission,
        answers={**submission.answers, **changed},
        uploads=uploads,
        submitted_ms=submission.submitted_ms + EDIT_AFTER_MS,
    )


def films(submission: SimulatedSubmission) -> set[str]:
    """The paths of the files that an instance is going to fetch: none without the consent that
    the form asks for."""
    questions = [one for one in submission.uploads if one != DOCUMENT]
    names = {name for question in questions for name in submission.uploads[question]}
    said = parse(dict(webhook_fields(submission)), field_map={})
    is_left_alone = submission.is_preview or said.consent is False
    return set() if is_left_alone else set(map(submission.upload_path, names))


def in_rounds(
    submitted: Iterable[tuple[Delivery, list[Delivery]]], *, repeat: int, shuffle: bool
) -> list[list[Delivery]]:
    """Each delivery `repeat` times: the edits after all others, or everything in any order."""
    each = list(submitted)
    first, edits = [one for one, _ in each], [edit for _, edits in each for edit in edits]
    rounds = [first * repeat, edits * repeat]
    if not shuffle:
        return rounds
    together = [*rounds[0], *rounds[1]]
    random.shuffle(together)
    return [together]
