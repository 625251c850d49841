"""The few calls of Jotform's REST API that Raiox makes."""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import urlencode

import requests
from django.utils import timezone
from django.utils.translation import gettext as _
from urllib3.exceptions import HTTPError

from integrations.deadline import total_deadline
from integrations.jotform import limits
from integrations.jotform.incoming.cleaning import clean_text
from matching import measured

# A refused key is tried again after this: an operator has to see to it, staff is told.
KEY_CHECK = timedelta(minutes=15)
TIMEOUT = (3.0, 10.0)
DEADLINE_SECONDS = 15.0
MAX_BYTES = 20 * 2**20
FORM_TYPE = "application/x-www-form-urlencoded"
Method = Literal["GET", "POST"]
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PART_OF_ANSWER = re.compile(r"(\d+)_(.+)")
_PERMANENT = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND})


class JotformError(Exception):
    """Jotform did not do what was asked. `str()` is a sentence without secrets; `permanent`
    says that asking again is of no use, `retry_at` when it is of use again, where that is known
    (the daily limit); `is_failure` is False where waiting is nobody's fault."""

    is_failure = True
    trouble = measured.Trouble.JOTFORM

    def __init__(self, message: str, *, permanent: bool, retry_at: datetime | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_at = retry_at

    def is_final(self, attempts: int) -> bool:
        """Whether another attempt is of no use after so many."""
        return self.permanent


class KeyRefused(JotformError):
    """Jotform refuses the API key itself (`/user` says so too): the operator must act."""

    is_failure = False
    trouble = measured.Trouble.JOTFORM_KEY


class NotThere(JotformError):
    """The key is good, and the submission is unknown to it: deleted, or another account's; or
    so new that the API does not show it yet, for which a few attempts are worth their while."""

    PATIENCE = 5

    def is_final(self, attempts: int) -> bool:
        return attempts >= self.PATIENCE


class _Unauthorised(JotformError):
    """401: alike for an unknown submission, for a bad and for a read-only key."""


class JotformClient:
    """Speaks to one API host (`https://api.jotform.com`, an EU, HIPAA or enterprise one).

    Every method raises JotformError, and nothing else, when the call fails. `limit_left` is
    the number of calls that today's limit leaves, as far as the last answer said so.
    """

    def __init__(self, base: str, api_key: str) -> None:
        self._base = base.rstrip("/")
        self._api_key = api_key.strip()
        self.limit_left: int | None = None

    def read_submission(self, submission_id: str) -> dict[str, Any]:
        """The submission as Jotform shows it now (`id`, `form_id`, `answers`, …)."""
        return _object(self._get(f"/submission/{_valid(submission_id)}"))

    def edit_submission(
        self,
        submission_id: str,
        fields: Mapping[str, str],
        *,
        marks: Mapping[str, str] | None = None,
        transport: str = "form",
    ) -> None:
        """Set answers by question number (`10`, or `3_first` for a part of one), and the
        submission's marks (`flag`, `new`); `transport` is form, multipart or query.

        Success does not mean that Jotform took them: unknown numbers are dropped in silence.
        """
        path = f"/submission/{_valid(submission_id)}"
        pairs = {_key(name): text for name, text in {**fields, **(marks or {})}.items()}
        try:
            self._call("POST", path, **_carried(pairs, transport))
        except _Unauthorised:
            raise self._why_not_written(submission_id) from None

    def submissions(
        self,
        form_id: str = "",
        *,
        filter: Mapping[str, str],
        offset: int = 0,
        limit: int = 100,
    ) -> list[dict[str, Any]]:
        """Submissions of a form, or of the whole account, that match `filter`
        (`{"created_at:gt": "2026-11-21 10:00:00"}`), newest first."""
        path = f"/form/{_valid(form_id)}/submissions" if form_id else "/user/submissions"
        query = {
            "filter": json.dumps(dict(filter)),
            "offset": str(offset),
            "limit": str(limit),
            "orderby": "created_at",
        }
        content = self._get(path, params=query)
        if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
            raise _unexpected()
        return content

    def form_questions(self, form_id: str) -> dict[str, dict[str, Any]]:
        """The form's questions by number (`qid`, `name`, `text`, `type`, …)."""
        questions = _object(self._get(f"/form/{_valid(form_id)}/questions"))
        return {
            number: question for number, question in questions.items() if isinstance(question, dict)
        }

    def user(self) -> dict[str, Any]:
        """The account whose key this is. Raises KeyRefused when the key is none."""
        try:
            return _object(self._call("GET", "/user"))
        except _Unauthorised:
            raise _key_refused() from None

    def _get(self, path: str, **how: Any) -> object:
        try:
            return self._call("GET", path, **how)
        except _Unauthorised:
            raise self._why_not_read() from None

    def _why_not_read(self) -> JotformError:
        """What a 401 means: only `/user` tells a bad key from an unknown submission."""
        try:
            self.user()
        except JotformError as error:
            return error
        return NotThere(
            _("Jotform does not know this number, or it belongs to another account."),
            permanent=True,
        )

    def _why_not_written(self, submission_id: str) -> JotformError:
        try:
            self.read_submission(submission_id)
        except JotformError as error:
            return error
        return JotformError(
            _("The API key may read but not write: it needs “Full Access” at Jotform."),
            permanent=False,
        )

    def _call(self, method: Method, path: str, **how: Any) -> object:
        """The `content` of the answer. Raises JotformError, _Unauthorised for a 401."""
        try:
            with requests.Session() as session, total_deadline(session, DEADLINE_SECONDS):
                response = session.request(
                    method,
                    self._base + path,
                    # Bytes, so that a key with a stray character cannot fail to be encoded.
                    headers={
                        "APIKEY": self._api_key.encode(),
                        "Accept": "application/json",
                        **how.pop("headers", {}),
                    },
                    timeout=TIMEOUT,
                    # A redirect would carry the key to wherever it leads.
                    allow_redirects=False,
                    stream=True,
                    **how,
                )
                body = _body(response)
        except (requests.RequestException, HTTPError, OSError) as error:
            # The cause may quote the key: only its kind goes on.
            kind = type(error).__name__
            raise JotformError(
                _("Jotform did not answer (%(kind)s).") % {"kind": kind}, permanent=False
            ) from None
        return self._content(response, _envelope(body))

    def _content(self, response: requests.Response, envelope: dict[str, Any] | None) -> object:
        code = response.status_code
        if envelope is not None:
            self.limit_left = _count(envelope.get("limit-left"))
            if code == HTTPStatus.OK:
                code = _count(envelope.get("responseCode")) or 0
            if HTTPStatus.OK <= code < HTTPStatus.MULTIPLE_CHOICES:
                return envelope.get("content")
        elif code == HTTPStatus.OK:
            raise _unexpected()
        if code == HTTPStatus.UNAUTHORIZED and envelope is not None:
            raise _Unauthorised("", permanent=False)
        raise self._refusal(code, envelope, response.headers.get("Retry-After", ""))

    def _refusal(
        self, code: int, envelope: dict[str, Any] | None, retry_after: str
    ) -> JotformError:
        """A web page with 404 comes from a wrong address, which passes when it is mended."""
        message = str((envelope or {}).get("message", ""))
        sentence = _("Jotform answered with error %(code)d. %(message)s") % {
            "code": code,
            "message": clean_text(self._without_key(message))[:120],
        }
        retry_at = limits.retry_at(
            code, message=message, limit_left=self.limit_left, retry_after=retry_after
        )
        passes = retry_at or limits.is_about_limits(message) or envelope is None
        permanent = not passes and code in _PERMANENT
        return JotformError(sentence.strip(), permanent=permanent, retry_at=retry_at)

    def _without_key(self, text: str) -> str:
        return text.replace(self._api_key, "…") if self._api_key else text


def _valid(number: str) -> str:
    if not _ID.fullmatch(number):
        raise JotformError(_("The submission number is not valid."), permanent=True)
    return number


def _key(name: str) -> str:
    part = _PART_OF_ANSWER.fullmatch(name)
    return f"submission[{part[1]}][{part[2]}]" if part else f"submission[{name}]"


def _carried(pairs: Mapping[str, str], transport: str) -> dict[str, Any]:
    """The arguments of `request` that carry the pairs."""
    match transport:
        case "query":
            return {"params": pairs}
        case "multipart":
            return {"files": {name: (None, text) for name, text in pairs.items()}}
        case _:
            # The brackets as the documentation's examples send them: percent-encoded ones are
            # said to be mis-read in a body.
            body = urlencode(pairs, safe="[]").encode()
            return {"data": body, "headers": {"Content-Type": FORM_TYPE}}


def _body(response: requests.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(2**16):
        body += chunk
        if len(body) > MAX_BYTES:
            raise _unexpected()
    return bytes(body)


def _envelope(body: bytes) -> dict[str, Any] | None:
    """The JSON object that every answer of the API is; None for anything else."""
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return envelope if isinstance(envelope, dict) and "responseCode" in envelope else None


def _count(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else None


def _object(content: object) -> dict[str, Any]:
    # PHP writes an empty object as a list.
    if content == []:
        return {}
    if not isinstance(content, dict):
        raise _unexpected()
    return content


def _key_refused() -> KeyRefused:
    return KeyRefused(
        _("Jotform refuses the API key: it is wrong, was revoked, or belongs to another region."),
        permanent=False,
        retry_at=timezone.now() + KEY_CHECK,
    )


def _unexpected() -> JotformError:
    return JotformError(_("Jotform's answer could not be understood."), permanent=False)
