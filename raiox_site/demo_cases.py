"""Cases made from phantoms, for a demo: plainly no patients, through the doors of real ones."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone

from cases import intake, records, review
from cases.films import IncomingImage
from cases.models import Case, CaseEvent, Finding, Result
from cases.review import Verdict
from implants.models import Implant
from matching.evaluation.phantoms import FIRST_QUERY_SEED
from matching.phantoms import phantom_jpeg

FDI_TEETH = [quadrant * 10 + position for quadrant in (1, 2, 3, 4) for position in range(1, 9)]
MARK = "Caso de demonstração: fantoma, não é paciente."
REASONS = {
    Finding.Outcome.NOT_IN_CATALOGUE: "Demonstração: o implante não está no catálogo.",
    Finding.Outcome.UNREADABLE: "Demonstração: a radiografia não pode ser lida.",
}
# So long ago they arrived, so that even the newest is decided by now.
AT_LEAST = timedelta(hours=2)
# Of so many cases one came without the patient's consent, so that a demo shows both.
WITHOUT_CONSENT = 3
# Each so many-th decided case is one of these, the others are identified.
EVERY = {5: Finding.Outcome.NOT_IN_CATALOGUE, 8: Finding.Outcome.UNREADABLE}


def add_waiting(number: int, *, implants: Sequence[Implant], difficulty: str) -> None:
    """Queue cases; the worker matches them."""
    known = Case.objects.count()
    for place in range(known, known + number):
        _receive(place, implants, difficulty, run_inline=False)


def add_decided(
    number: int, *, implants: Sequence[Implant], difficulty: str, reviewer: User, days: int
) -> None:
    """Match cases in this process, decide them, and spread them over the last `days`.

    Raises EncoderError or CatalogueNotSearchable by way of a case that fails: such a one is
    left as it is.
    """
    known, now = Case.objects.count(), timezone.now()
    rng = Random(known)  # noqa: S311 # nosec B311 # invented data, the same for a seed
    for place in range(number):
        case = _receive(known + place, implants, difficulty, run_inline=True)
        case = intake.process(case_id=case.pk)
        if case.is_awaiting_review:
            _decide(case, implants[(known + place) % len(implants)], place + 1, reviewer)
            age = timedelta(days=days) * (1 - (place + rng.random()) / number)
            took = timedelta(minutes=rng.uniform(5, 90))
            _put_back(case, now - max(age, AT_LEAST), took=took)


def _receive(
    number: int, implants: Sequence[Implant], difficulty: str, *, run_inline: bool
) -> Case:
    content = phantom_jpeg(
        implants[number % len(implants)],
        seed=FIRST_QUERY_SEED + number,
        difficulty=difficulty,
    )
    received = intake.receive(
        source=Case.Source.UPLOAD,
        images=[IncomingImage(content=content)],
        person=intake.Person(
            dentist_name=f"Dentista de demonstração {number + 1}",
            patient_name=f"Fantoma {number + 1}",
            tooth=FDI_TEETH[number % len(FDI_TEETH)],
            consent_at=timezone.now() if number % WITHOUT_CONSENT else None,
            client_id=f"demo-{number}",
        ),
        run_inline=run_inline,
    )
    return received.case


def _decide(case: Case, implant: Implant, place: int, reviewer: User) -> None:
    """As one would who knows the truth: which implant the phantom was rendered from."""
    outcome = next((one for every, one in EVERY.items() if place % every == 0), None)
    subject = min(Finding.objects.filter(case_image__case=case), key=_from_the_middle)
    verdict = (
        Verdict(subject.pk, outcome, reason=REASONS[outcome])
        if outcome
        else Verdict(subject.pk, Finding.Outcome.IDENTIFIED, (implant.pk,))
    )
    review.decide(case_id=case.pk, verdicts=[verdict], reviewer=reviewer, internal_note=MARK)


def _from_the_middle(finding: Finding) -> float:
    """A phantom's subject lies there; others may stand beside it."""
    image, box = finding.case_image, finding.box or {"x": 0, "y": 0}
    return math.hypot(box["x"] - (image.width or 0) / 2, box["y"] - (image.height or 0) / 2)


def _put_back(case: Case, arrived: datetime, *, took: timedelta) -> None:
    """Move a case that was decided just now to an earlier time, its history along with it."""
    decided = arrived + took
    Case.objects.filter(pk=case.pk).update(
        created_at=arrived,
        queued_at=arrived,
        matched_at=arrived,
        decided_at=decided,
        consent_at=arrived if case.consent_at else None,
    )
    shift = case.created_at - arrived
    decisions = (CaseEvent.What.APPROVED, CaseEvent.What.REJECTED)
    with records.unlocked():
        CaseEvent.objects.filter(case=case).update(created_at=F("created_at") - shift)
        CaseEvent.objects.filter(case=case, what__in=decisions).update(created_at=decided)
    Result.objects.filter(finding__case_image__case=case, approved=True).update(approved_at=decided)
