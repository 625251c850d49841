"""What every channel has in common."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Message:
    """One message to staff: numbers and links, no patient data."""

    subject: str
    text: str


class NotSent(Exception):
    """A channel did not take the message. `str()` is a sentence without secrets; `permanent`
    says that the same message need not be tried again, `retry_at` when the channel wants the
    next one, where it says so."""

    def __init__(
        self, message: str, *, permanent: bool = False, retry_at: datetime | None = None
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_at = retry_at
