"""What every channel has in common."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Message:
    """One message to staff: numbers and links, no patient data."""

    subject: str
    text: str


class NotSent(Exception):
    """A channel did not take the message. `str()` is a sentence without secrets; `retry_at`
    says when the next attempt makes sense, where the channel knows."""

    def __init__(self, message: str, *, retry_at: datetime | None = None) -> None:
        super().__init__(message)
        self.retry_at = retry_at
