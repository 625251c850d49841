"""Webhook requests as Jotform sends them, and a file server in place of Jotform's.

For trying an installation out without Jotform, and for tests.
"""

import json
import secrets
import string
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import requests
from urllib3.util import SKIP_HEADER

Answer = str | list[str] | dict[str, str]

UPLOAD_QUESTION = "q7_radiografia"
TICKET_SERVER = "jotformfs-simulator"
ANSWERS: dict[str, Answer] = {
    "q3_nomeDoDentista": {"first": "Dra.", "last": "Exemplo"},
    "q4_email": "dentista@example.com",
    "q5_nomeDoPaciente": {"first": "Paciente", "last": "Fictício"},
    "q6_dente": "26",
}


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

    def upload_path(self, name: str) -> str:
        return f"/uploads/{self.username}/{self.form_id}/{self.submission_id}/{quote(name)}"

    def upload_urls(self, question: str) -> list[str]:
        return [self.upload_base + self.upload_path(name) for name in self.uploads[question]]


def new_submission_id() -> str:
    """19 digits, like Jotform's."""
    return str(time.time_ns())


def raw_request(submission: SimulatedSubmission) -> dict[str, object]:
    """What the field `rawRequest` holds as JSON, in the order seen in real requests."""
    now = str(time.time_ns() // 1_000_000)
    raw: dict[str, object] = {
        "slug": f"submit/{submission.form_id}",
        "jsExecutionTracker": f"build-date-{now}=>init-started:{now}=>onsubmit-fired:{now}",
        "submitSource": "form",
        "submitDate": now,
        "buildDate": now,
        "uploadServerUrl": "https://upload.jotform.com/upload",
        "eventObserver": "1",
        **submission.answers,
        "timeToSubmit": "20",
        "temp_upload": {
            question: [f"{name}#{TICKET_SERVER}#{secrets.token_hex(16)}" for name in names]
            for question, names in submission.uploads.items()
        },
        "file_server": f"{TICKET_SERVER}#{secrets.token_hex(16)}",
        "validatedNewRequiredFieldIDs": '{"new":1}',
        "path": f"/submit/{submission.form_id}",
    }
    if submission.is_preview:
        raw["preview"] = "true"
    else:
        raw["event_id"] = f"{now}_{submission.form_id}_{secrets.token_hex(4)[:7]}"
    for question in submission.uploads:
        raw[question.partition("_")[2]] = submission.upload_urls(question)
    return raw


def webhook_fields(submission: SimulatedSubmission) -> list[tuple[str, str]]:
    """All 23 form fields of the request, in wire order."""
    return [
        ("action", ""),
        ("webhookURL", submission.webhook_url),
        ("username", submission.username),
        ("formID", submission.form_id),
        ("type", "WEB"),
        ("customParams", ""),
        ("product", ""),
        ("formTitle", submission.form_title),
        ("customTitle", ""),
        ("submissionID", submission.submission_id),
        ("event", ""),
        ("documentID", ""),
        ("teamID", ""),
        ("subject", ""),
        ("isSilent", ""),
        ("customBody", ""),
        ("rawRequest", php_json(raw_request(submission))),
        ("fromTable", ""),
        ("appID", ""),
        ("pretty", _pretty(submission)),
        ("unread", ""),
        ("parent", ""),
        ("ip", "203.0.113.7"),
    ]


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
    return value if isinstance(value, str) else "; ".join(value)


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


def post_webhook(
    url: str, fields: Sequence[tuple[str, str]], *, timeout: float = 30
) -> requests.Response:
    """Send the request like Jotform: no User-Agent, no signature, no redirects followed.

    Raises requests.RequestException.
    """
    body, content_type = encode_multipart(fields)
    headers = {
        "Accept": "*/*",
        "Content-Type": content_type,
        "User-Agent": SKIP_HEADER,
        "Accept-Encoding": SKIP_HEADER,
    }
    with requests.Session() as session:
        session.trust_env = False
        return session.post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False)
