"""Tasks on the queue are signed with SECRET_KEY, and django-q2 throws away, in silence, what was
signed with the key before. While that one stands in SECRET_KEY_FALLBACKS, it counts here too."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django_q.conf import Conf
from django_q.core_signing import TimestampSigner
from django_q.signing import BadSignature


def with_todays_key(payload: str) -> str:
    """The payload as if it had been signed today, where one of the keys of before signed it; any
    other as it is, for django-q2 to judge."""
    if _content(payload, Conf.SECRET_KEY) is not None:
        return payload
    found = (_content(payload, key) for key in settings.SECRET_KEY_FALLBACKS)
    content = next((one for one in found if one is not None), None)
    return payload if content is None else _signer(Conf.SECRET_KEY).sign(content)


def all_with_todays_key(tasks: Iterable[tuple[Any, str]]) -> list[tuple[Any, str]]:
    """The same of what a queue hands out: pairs of the entry's number and its payload."""
    return [(number, with_todays_key(payload)) for number, payload in tasks]


def _signer(key: str) -> TimestampSigner:
    return TimestampSigner(key=key, salt=Conf.PREFIX)


def _content(payload: str, key: str) -> str | None:
    try:
        return str(_signer(key).unsign(payload))
    except BadSignature:
        return None
