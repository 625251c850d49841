"""Whether the answer to a decision has left, and holding back one that has not."""

from collections.abc import Iterable

from cases.models import Case, CaseEvent
from integrations.jotform.outgoing import outbox
from integrations.models import ResultReturn

What, Status = CaseEvent.What, ResultReturn.Status
DECISIONS = (What.APPROVED, What.REJECTED)
OUT = (What.ANSWER_SENT, What.ANSWER_FAILED)


def have_left(case: Case) -> bool | None:
    """Whether an answer to the decision has left, or may have: from its first attempt on
    nobody can tell. None where there is none."""
    rows = [row for row in case.answers.all() if row.revision == case.revision]
    return _any_left(case, rows) if rows else None


def take_back(case: Case) -> bool | None:
    """Withdraw the answers to the decision that is being undone; False when it is too late.
    None where there is none. The caller holds the lock of the case, and a sender that is about
    to begin either comes first or finds its row withdrawn."""
    current = ResultReturn.objects.filter(case=case, revision=case.revision)
    rows = list(current.select_for_update().order_by("pk"))
    if not rows:
        return None
    if _any_left(case, rows):
        return False
    outbox.withdraw(case=case)
    return True


def _any_left(case: Case, rows: Iterable[ResultReturn]) -> bool:
    return any(map(_may_be_out, rows)) or _was_out(case)


def _may_be_out(row: ResultReturn) -> bool:
    """One that lacks its configuration was not tried; what was tried has an error."""
    if row.status == Status.NOT_CONFIGURED:
        return bool(row.attempts)
    return bool(row.status in (Status.SENT, Status.GIVEN_UP) or row.attempts or row.last_error)


def _was_out(case: Case) -> bool:
    """“Send again” forgives the attempts; the history keeps them."""
    since: list[CaseEvent] = []
    for event in case.events.all():
        since = [] if event.what in DECISIONS else [*since, event]
    return any(
        event.what in OUT or (event.what == What.ANSWER_QUEUED and event.actor_label)
        for event in since
    )
