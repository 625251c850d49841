"""Queue entries of this layer: ids in, a service called."""

from integrations import notify
from integrations.jotform.incoming import inbox, readings, sync
from integrations.jotform.outgoing import outbox, returns


def send_return(return_id: int) -> None:
    returns.send(return_id=return_id)


def take_in_submission(row_id: int) -> None:
    readings.read(row_id=row_id)


def take_in_due_submissions() -> None:
    readings.ask_due()
    inbox.take_in_left_behind()


def poll_jotform() -> None:
    sync.sync_due()


def send_due_returns() -> None:
    outbox.send_due()


def send_notices() -> None:
    notify.send_due()
