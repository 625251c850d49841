"""The few calls of Jotform's REST API that Raiox makes."""

import re
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

import requests
from django.utils.translation import gettext as _
from urllib3.exceptions import HTTPError

from integrations.deadline import total_deadline

TIMEOUT = (3.0, 10.0)
DEADLINE_SECONDS = 15.0
_SUBMISSION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PART_OF_ANSWER = re.compile(r"(\d+)_(.+)")
_LIMIT = re.compile(r"limit|quota", re.IGNORECASE)
_PERMANENT = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND})


class JotformError(Exception):
    """Jotform did not do what was asked. `str()` is a sentence without secrets; `permanent`
    says that asking again is of no use, `retry_at` when it is of use again, where that is known
    (the daily limit)."""

    def __init__(self, message: str, *, permanent: bool, retry_at: datetime | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_at = retry_at


class KeyRefused(JotformError):
    """Jotform refuses the API key itself (`/user` says so too): the operator must act."""


class NotThere(JotformError):
    """The key is good, and the submission is unknown to it: deleted, or another account's."""


class JotformClient:
    """Speaks to one API host (`https://api.jotform.com`, an EU, HIPAA or enterprise one).

    Every method raises JotformError, and nothing else, when the call fails.
    """

    def __init__(self, base: str, api_key: str) -> None:
        self._base = base.rstrip("/")
        self._api_key = api_key.strip()

    def read_submission(self, submission_id: str) -> dict[str, Any]:
        """The submission as Jotform shows it now (`id`, `form_id`, `answers`, …)."""
        content = self._call("GET", submission_id)
        if not isinstance(content, dict):
            raise _unexpected()
        return content

    def edit_submission(self, submission_id: str, fields: Mapping[str, str]) -> None:
        """Set answers by question number (`10`, or `3_first` for a part of one).

        Success does not mean that Jotform took them: unknown numbers are dropped in silence.
        """
        self._call("POST", submission_id, {_key(name): text for name, text in fields.items()})

    def _call(
        self, method: str, submission_id: str, data: Mapping[str, str] | None = None
    ) -> object:
        if not _SUBMISSION_ID.fullmatch(submission_id):
            raise JotformError(_("The submission number is not valid."), permanent=True)
        try:
            with requests.Session() as session, total_deadline(session, DEADLINE_SECONDS):
                response = session.request(
                    method,
                    f"{self._base}/submission/{submission_id}",
                    data=data,
                    # Bytes, so that a key with a stray character cannot fail to be encoded.
                    headers={"APIKEY": self._api_key.encode(), "Accept": "application/json"},
                    timeout=TIMEOUT,
                    # A redirect would carry the key to wherever it leads.
                    allow_redirects=False,
                )
        except (requests.RequestException, HTTPError, OSError) as error:
            # The cause may quote the key: only its kind goes on.
            kind = type(error).__name__
            raise JotformError(
                _("Jotform did not answer (%(kind)s).") % {"kind": kind}, permanent=False
            ) from None
        return self._content(response)

    def _content(self, response: requests.Response) -> object:
        envelope = _envelope(response)
        code = response.status_code
        if envelope is not None and code == HTTPStatus.OK:
            code = _integer(envelope.get("responseCode"))
        if envelope is not None and HTTPStatus.OK <= code < HTTPStatus.MULTIPLE_CHOICES:
            return envelope.get("content")
        if envelope is None and code == HTTPStatus.OK:
            raise _unexpected()
        message = str((envelope or {}).get("message", ""))
        raise self._refusal(code, message, is_from_api=envelope is not None)

    def _refusal(self, code: int, message: str, *, is_from_api: bool) -> JotformError:
        """Jotform answers 401 alike for an unknown submission and for a bad or read-only key:
        that may be mended, so it passes. A web page with 404 comes from a wrong address."""
        if code == HTTPStatus.UNAUTHORIZED:
            sentence = _(
                "Jotform refused access (401): the API key is wrong or read-only, or the"
                " submission does not exist."
            )
            return JotformError(sentence, permanent=False)
        if self._api_key:
            message = message.replace(self._api_key, "…")
        sentence = _("Jotform answered with error %(code)d. %(message)s") % {
            "code": code,
            "message": " ".join(message.split())[:120],
        }
        permanent = is_from_api and code in _PERMANENT and not _LIMIT.search(message)
        return JotformError(sentence.strip(), permanent=permanent)


def _key(name: str) -> str:
    part = _PART_OF_ANSWER.fullmatch(name)
    return f"submission[{part[1]}][{part[2]}]" if part else f"submission[{name}]"


def _envelope(response: requests.Response) -> dict[str, Any] | None:
    """The JSON object that every answer of the API is; None for anything else."""
    try:
        body = response.json()
    except (requests.JSONDecodeError, ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) and "responseCode" in body else None


def _integer(value: object) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 4 else 0


def _unexpected() -> JotformError:
    return JotformError(_("Jotform's answer could not be understood."), permanent=False)
