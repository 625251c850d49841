"""Queue entries of this layer: ids in, a service called."""

from cases import correlation
from integrations.jotform import returns


def send_return(return_id: int) -> None:
    correlation.start()
    returns.send(return_id=return_id)


def send_due_returns() -> None:
    correlation.start()
    returns.send_due()
