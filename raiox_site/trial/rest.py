"""Waiting until nothing is left to do."""

import time
from collections.abc import Callable

from django.utils import timezone
from django_q.models import OrmQ

from cases.models import Case
from integrations.models import JotformSubmission, ResultReturn
from raiox_site.processes import wait_until
from raiox_site.trial.evidence import Evidence

POLL_SECONDS = 1.0
DRAIN_SECONDS = 90.0
DECIDED = (Case.Status.APPROVED, Case.Status.REJECTED)


def unrest(evidence: Evidence) -> list[str]:
    """What still has to be done, as sentences with counts; empty when all is at rest."""
    answers = ResultReturn.objects.unsent()
    if not evidence.with_key:
        answers = answers.exclude(status=ResultReturn.Status.NOT_CONFIGURED)
    known = Case.objects.exclude(jotform_submission_id=None).count()
    counts = {
        "submissions have no case": len(evidence.submissions) - known,
        "cases are not decided": Case.objects.exclude(status__in=DECIDED).count(),
        "answers are under way": answers.count(),
        "submissions are to be read": JotformSubmission.objects.exclude(next_try_at=None).count(),
        "tasks are in the queue": OrmQ.objects.filter(lock__lte=timezone.now()).count(),
    }
    return [f"{count} {what}" for what, count in counts.items() if count]


def wait(evidence: Evidence, *, until: float) -> list[str]:
    """Wait for rest, at most until that moment of the monotonic clock; what is not at rest.

    Between two steps of the same work everything may look done: only what looks so three
    times in a row is.
    """
    times, left = 0, unrest(evidence)
    while times < 3 and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
        left = unrest(evidence)
        times = 0 if left else times + 1
    return left


def settle(evidence: Evidence, *, poll: Callable[[], int], until: float) -> None:
    """Poll Jotform and wait for rest, and again, until polling finds nothing new; then let the
    tasks that were lost with a killed worker come back at once. `unrest` says what is left."""
    poll()
    evidence.unrest = wait(evidence, until=until)
    while not evidence.unrest and poll():
        evidence.unrest = wait(evidence, until=until)
    if evidence.unrest:
        return
    forget_leases()
    evidence.unrest = wait(evidence, until=time.monotonic() + DRAIN_SECONDS)


def wait_for_an_empty_queue() -> None:
    """What runs by the clock is on the queue for a moment in each minute."""
    wait_until(lambda: not OrmQ.objects.exists(), DRAIN_SECONDS)


def forget_leases() -> None:
    """Tasks that a killed worker took along come back when their lease is over, after minutes:
    here it is over now. They find their work done, and must not do it again."""
    OrmQ.objects.filter(lock__gt=timezone.now()).update(lock=timezone.now())
