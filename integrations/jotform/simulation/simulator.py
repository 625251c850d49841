"""Webhook requests as Jotform sends them, for trying an installation out and for tests.

`shapes` holds the variants of them that have been seen.
"""

import hashlib
import hmac
import html
import json
import secrets
import string
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

import requests
from urllib3.util import SKIP_HEADER

from integrations.jotform.incoming.authentication import SIGNATURE_HEADER

Answer = str | list[str] | dict[str, str]

UPLOAD_QUESTION = "q7_radiografia"
TICKET_SERVER = "jotformfs-simulator"
ANSWERS: dict[str, Answer] = {
    "q3_nomeDoDentista": {"first": "Dra.", "last": "Exemplo"},
    "q4_email": "dentista@example.com",
    "q5_nomeDoPaciente": {"first": "Paciente", "last": "Fictício"},
    "q6_dente": "26",
}
FIELDS = (
    *("action", "webhookURL", "username", "formID", "type", "customParams", "product"),
    *("formTitle", "customTitle", "submissionID", "event", "documentID", "teamID", "subject"),
    *("isSilent", "customBody", "rawRequest", "fromTable", "appID", "pretty", "unread"),
    *("parent", "ip"),
)
OLD_FIELDS = (
    *("formID", "submissionID", "webhookURL", "ip", "formTitle", "pretty", "username"),
    *("rawRequest", "type"),
)


@dataclass(frozen=True)
class SimulatedSubmission:
    """One submission of a form; `upload_base` is where its files can be fetched."""

    submission_id: str
    upload_base: str = "https://www.jotform.com"
    form_id: str = "250000000000001"
    username: str = "clinica_exemplo"
    form_title: str = "Identificação de implante"
    webhook_url: str = ""
    answers: Mapping[str, Answer] = field(default_factory=lambda: dict(ANSWERS))
    uploads: Mapping[str, Sequence[str]] = field(
        default_factory=lambda: {UPLOAD_QUESTION: ["radiografia.png"]}
    )
    is_preview: bool = False
    # As in 2017 to 2020: 9 fields, no upload tickets, no bookkeeping.
    is_old: bool = False
    # Answers with `&quot;` and the like, as in 2017.
    is_escaped: bool = False
    # Further keys of rawRequest, and further form fields.
    extra: Mapping[str, object] = field(default_factory=dict)
    extra_fields: Mapping[str, str] = field(default_factory=dict)
    # When it was sent (0: now), where the request says that at all: only since 2025.
    submitted_ms: int = 0
    says_when: bool = True

    def upload_path(self, name: str) -> str:
        return f"/uploads/{self.username}/{self.form_id}/{self.submission_id}/{quote(name)}"

    def upload_urls(self, question: str) -> list[str]:
        return [self.upload_base + self.upload_path(name) for name in self.uploads[question]]


def new_submission_id() -> str:
    """19 digits, like Jotform's."""
    return str(time.time_ns())


def raw_request(submission: SimulatedSubmission) -> dict[str, object]:
    """What the field `rawRequest` holds as JSON, in the order seen in real requests."""
    files = {
        question.partition("_")[2]: submission.upload_urls(question)
        for question in submission.uploads
    }
    answers = {key: _escaped(value, submission) for key, value in submission.answers.items()}
    preview = {"preview": "true"} if submission.is_preview else {}
    if submission.is_old:
        slug = {"slug": f"submit/{submission.form_id}/"}
        return {**slug, **answers, **preview, **files, **submission.extra}
    before, after = _bookkeeping(submission)
    return {**before, **answers, **after, **preview, **files, **submission.extra}


def _bookkeeping(
    submission: SimulatedSubmission,
) -> tuple[dict[str, object], dict[str, object]]:
    """The keys before and after the answers."""
    now = str(submission.submitted_ms or time.time_ns() // 1_000_000)
    before: dict[str, object] = {
        "slug": f"submit/{submission.form_id}",
        "jsExecutionTracker": f"build-date-{now}=>init-started:{now}=>onsubmit-fired:{now}",
        "submitSource": "form",
        **({"submitDate": now} if submission.says_when else {}),
        "buildDate": now,
        "uploadServerUrl": "https://upload.jotform.com/upload",
        "eventObserver": "1",
    }
    after: dict[str, object] = {
        "timeToSubmit": "20",
        "temp_upload": {
            question: [f"{name}#{TICKET_SERVER}#{secrets.token_hex(16)}" for name in names]
            for question, names in submission.uploads.items()
        },
        "file_server": f"{TICKET_SERVER}#{secrets.token_hex(16)}",
        "validatedNewRequiredFieldIDs": '{"new":1}',
        "path": f"/submit/{submission.form_id}",
    }
    if not submission.is_preview:
        after["event_id"] = f"{now}_{submission.form_id}_{secrets.token_hex(4)[:7]}"
    return before, after


def _escaped(value: Answer, submission: SimulatedSubmission) -> Answer:
    if not submission.is_escaped:
        return value
    if isinstance(value, dict):
        return {part: html.escape(text) for part, text in value.items()}
    return html.escape(value) if isinstance(value, str) else [html.escape(one) for one in value]


def webhook_fields(submission: SimulatedSubmission) -> list[tuple[str, str]]:
    """The form fields of the request in wire order: all 23, or the 9 of old requests."""
    given = {
        "webhookURL": submission.webhook_url,
        "username": submission.username,
        "formID": submission.form_id,
        "type": "WEB",
        "formTitle": submission.form_title,
        "submissionID": submission.submission_id,
        "rawRequest": php_json(raw_request(submission)),
        "pretty": _pretty(submission),
        "ip": "203.0.113.7",
    }
    names = OLD_FIELDS if submission.is_old else FIELDS
    return [(name, given.get(name, "")) for name in names] + list(submission.extra_fields.items())


def php_json(value: object) -> str:
    r"""JSON as PHP writes it: `\/` and `\uXXXX`, no spaces."""
    return json.dumps(value, separators=(",", ":")).replace("/", r"\/")


def _pretty(submission: SimulatedSubmission) -> str:
    answers = [
        f"{key.partition('_')[2]}:{_plain(value)}" for key, value in submission.answers.items()
    ]
    files = [
        f"{key.partition('_')[2]}:{' '.join(names)}" for key, names in submission.uploads.items()
    ]
    return ", ".join(answers + files)


def _plain(value: Answer) -> str:
    if isinstance(value, dict):
        return " ".join(value.values())
    if isinstance(value, list):
        return "; ".join(value)
    return "uploads/signature.png" if value.startswith("data:") else value


def encode_multipart(fields: Sequence[tuple[str, str]]) -> tuple[bytes, str]:
    """Body and content type of a multipart request of text parts only, as curl writes it."""
    letters = string.ascii_letters + string.digits
    boundary = "-" * 24 + "".join(secrets.choice(letters) for _ in range(22))
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields
    ]
    body = "".join([*parts, f"--{boundary}--\r\n"])
    return body.encode(), f"multipart/form-data; boundary={boundary}"


def encode_urlencoded(fields: Sequence[tuple[str, str]]) -> tuple[bytes, str]:
    """Body and content type of the other kind of form."""
    return urlencode(fields).encode(), "application/x-www-form-urlencoded"


ENCODINGS = {"multipart": encode_multipart, "urlencoded": encode_urlencoded}


def post_webhook(
    url: str,
    fields: Sequence[tuple[str, str]],
    *,
    timeout: float = 30,
    encoding: str = "multipart",
    secret: str = "",
) -> requests.Response:
    """Send the request like Jotform: no User-Agent, no redirects followed, no signature
    except with a `secret` (JF_SECRET).

    Raises requests.RequestException.
    """
    body, content_type = ENCODINGS[encoding](fields)
    headers = {
        "Accept": "*/*",
        "Content-Type": content_type,
        "User-Agent": SKIP_HEADER,
        "Accept-Encoding": SKIP_HEADER,
    }
    if secret:
        headers[SIGNATURE_HEADER] = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    with requests.Session() as session:
        session.trust_env = False
        return session.post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False)
