"""When Jotform is to be asked again after it refused for the number of calls."""

import re
import secrets
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from zoneinfo import ZoneInfo

from django.utils import timezone

# “Resets at midnight, Eastern.”
RESET_ZONE = ZoneInfo("America/New_York")
LONGEST_WAIT = timedelta(hours=24)
_ABOUT_LIMITS = re.compile(r"limit|quota", re.IGNORECASE)
_DAILY = re.compile(r"(api|daily)\W*limit", re.IGNORECASE)
_REFUSALS = frozenset(
    {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
)


def retry_at(
    code: int, *, message: str, limit_left: int | None, retry_after: str
) -> datetime | None:
    """When a refused call is of use again, where the refusal tells; None where it does not."""
    if code not in _REFUSALS:
        return None
    named = named_time(retry_after)
    if limit_left == 0 or _DAILY.search(message):
        return max(named, next_reset()) if named else next_reset()
    return named


def is_about_limits(message: str) -> bool:
    return bool(_ABOUT_LIMITS.search(message))


def next_reset(*, at: datetime | None = None) -> datetime:
    """The next midnight of the east coast, and a few minutes, so that not everybody who was
    refused comes at once."""
    tomorrow = (at or timezone.now()).astimezone(RESET_ZONE).date() + timedelta(days=1)
    midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=RESET_ZONE)
    return midnight + timedelta(seconds=60 + secrets.randbelow(540))


def named_time(retry_after: str) -> datetime | None:
    """What the header Retry-After names, seconds or a date; never more than a day ahead."""
    now = timezone.now()
    if retry_after.isascii() and retry_after.isdecimal() and len(retry_after) <= 9:
        return now + min(timedelta(seconds=int(retry_after)), LONGEST_WAIT)
    try:
        named = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return None
    if timezone.is_naive(named):
        named = named.replace(tzinfo=ZoneInfo("UTC"))
    return min(max(named, now), now + LONGEST_WAIT)
