"""How long to wait before Jotform is asked again."""

from datetime import datetime

from django.utils import timezone

from integrations.jotform.client import JotformError
from integrations.models import backoff


def next_try(error: JotformError, *, attempts: int) -> tuple[datetime, int]:
    """When to try again after so many attempts, and how many of them count: to wait for an
    operator, for the next day or for somebody else's work is no failure."""
    ordinary = timezone.now() + backoff(attempts)
    if error.retry_at and (not error.is_failure or error.retry_at > ordinary):
        return error.retry_at, attempts - 1
    return ordinary, attempts
