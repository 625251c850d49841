"""Telling staff by a Telegram bot.

The bot's token is a part of the address: no address and no library error is ever shown.
"""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import requests
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from urllib3.exceptions import HTTPError

from integrations.deadline import total_deadline
from integrations.notices.transport import Message, NotSent

TIMEOUT = (3.0, 10.0)
DEADLINE_SECONDS = 15.0
LONGEST_WAIT = timedelta(hours=6)
# A refusal of the token or the chat lasts until somebody replaces it.
REFUSED_PAUSE = timedelta(minutes=30)
LONGEST_TEXT = 4096
_REFUSED = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
    }
)


def is_configured() -> bool:
    return bool(settings.RAIOX_TELEGRAM_TOKEN and settings.RAIOX_TELEGRAM_CHAT)


def send(message: Message) -> None:
    """One message to RAIOX_TELEGRAM_CHAT. Raises NotSent, and nothing else."""
    response = _post(
        {
            "chat_id": settings.RAIOX_TELEGRAM_CHAT,
            "text": message.text[:LONGEST_TEXT],
            "disable_web_page_preview": True,
        }
    )
    answer = _answer(response)
    if response.status_code != HTTPStatus.OK or answer.get("ok") is not True:
        raise _refusal(response.status_code, answer)


def _post(body: dict[str, Any]) -> requests.Response:
    url = f"{settings.RAIOX_TELEGRAM_BASE}/bot{settings.RAIOX_TELEGRAM_TOKEN}/sendMessage"
    try:
        with requests.Session() as session, total_deadline(session, DEADLINE_SECONDS):
            # A redirect would carry the token to wherever it leads.
            return session.post(url, json=body, timeout=TIMEOUT, allow_redirects=False)
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        kind = type(error).__name__
        raise NotSent(_("Telegram did not answer (%(kind)s).") % {"kind": kind}) from None


def _answer(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _refusal(status: int, answer: dict[str, Any]) -> NotSent:
    sentence = _("Telegram answered with error %(code)d. %(message)s") % {
        "code": status,
        "message": _description(answer),
    }
    return NotSent(sentence.strip(), retry_at=_retry_at(status, answer))


def _description(answer: dict[str, Any]) -> str:
    text = str(answer.get("description", ""))
    return " ".join(text.replace(settings.RAIOX_TELEGRAM_TOKEN, "…").split())[:120]


def _retry_at(status: int, answer: dict[str, Any]) -> datetime | None:
    if status in _REFUSED:
        return timezone.now() + REFUSED_PAUSE
    return _asked_for(answer) if status == HTTPStatus.TOO_MANY_REQUESTS else None


def _asked_for(answer: dict[str, Any]) -> datetime | None:
    parameters = answer.get("parameters")
    seconds = parameters.get("retry_after") if isinstance(parameters, dict) else None
    if not isinstance(seconds, int) or seconds < 0:
        return None
    return timezone.now() + min(timedelta(seconds=min(seconds, 10**6)), LONGEST_WAIT)
