"""Telling staff at once that a backup or a drill failed; also while the database is down."""

from collections.abc import Callable

from django.utils.translation import gettext as _

from integrations import notify
from integrations.notices.transport import Message, NotSent

Say = Callable[[str], object]


def backup_failed(say: Say) -> None:
    _tell(_("The backup failed. The operator must look at it today."), say)


def drill_failed(say: Say) -> None:
    _tell(_("The trial restore of the backup failed. The operator must look at it."), say)


def _tell(sentence: str, say: Say) -> None:
    """What went wrong stays in the log: its words may name what nobody should read in a chat."""
    message = Message(subject=f"Raiox AI: {sentence}", text=sentence)
    for channel in notify.configured():
        try:
            notify.TRANSPORTS[channel].send(message)
        except NotSent as error:
            say(f"staff was not told by {channel}: {error}")
