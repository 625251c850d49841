"""What the tests about answers share."""

from typing import Any

from django.db.models import F
from django.utils import timezone
from django_q.models import OrmQ

from cases import review
from cases.models import Case
from implants.models import Implant
from integrations import tasks
from integrations.jotform.incoming import readings
from integrations.jotform.outgoing import outbox
from integrations.models import JotformSubmission, ResultReturn

SUBMISSION = "6312345678901234567"
FILM = b"\xff\xd8\xff\xe0 what a film begins with"
TEXT = "Neodent, Helix GM, Cone Morse, 4 × 11,5 mm"
Status = ResultReturn.Status


def make_implant(manufacturer: str, name: str) -> Implant:
    return Implant.objects.create(
        manufacturer=manufacturer,
        name=name,
        type="Cone Morse",
        diameter_mm="4.00",
        length_mm="11.5",
    )


def approve(case: Case, reviewer: Any, *implants: Implant, note: str = "") -> None:
    """Without implants: with the one that was proposed."""
    chosen = implants or (Implant.objects.get(name="Helix GM"),)
    choices = [review.Choice(implant.pk) for implant in chosen]
    review.approve(case_id=case.pk, choices=choices, reviewer=reviewer, note=note)


def reopen(case: Case) -> None:
    """What an edit of the sender does to a decided case."""
    case.refresh_from_db()
    case.revision += 1
    case.status = Case.Status.PENDING
    case.save()


def take_in_edits() -> None:
    """What the task does for every submission that is to be read."""
    for row in JotformSubmission.objects.filter(asked__gt=F("read")):
        readings.read(row_id=row.pk)


def send(answer: ResultReturn) -> ResultReturn:
    tasks.send_return(answer.pk)
    answer.refresh_from_db()
    return answer


def when_its_time_has_come(answer: ResultReturn) -> ResultReturn:
    """What was asked of Jotform meanwhile is read before."""
    take_in_edits()
    ResultReturn.objects.filter(pk=answer.pk).update(next_try_at=timezone.now())
    return send(answer)


def history(case: Case) -> list[str]:
    return [one for one in case.events.values_list("what", flat=True) if one.startswith("answer")]


def queued() -> list[int]:
    """The answers that the task queue holds."""
    entries = [entry.task for entry in OrmQ.objects.order_by("pk")]
    return [entry["args"][0] for entry in entries if entry["func"] == outbox.RETURN_TASK]
