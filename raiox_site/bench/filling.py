"""Many made-up cases, as a busy quarter leaves them; written in bulk."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from cases.models import Case, CaseEvent, CaseImage, Finding, Result
from implants.models import Implant
from integrations.models import ResultReturn
from matching.confidence import Band

# No such encoder exists: what is measured must not say that it comes from one with skill.
ENCODER = "bench/made-up@000000000000/pad-v1"
FIRST_SUBMISSION = 6_500_000_000_000_000_000
AT_ONCE = 1000
DAYS = 89
CANDIDATES = 3
SHARES = {
    Case.Status.APPROVED: 60,
    Case.Status.REJECTED: 20,
    Case.Status.PENDING: 10,
    Case.Status.ARCHIVED: 6,
    Case.Status.RECEIVED: 2,
    Case.Status.FAILED: 2,
}
DECIDED = (Case.Status.APPROVED, Case.Status.REJECTED, Case.Status.ARCHIVED)
MATCHED = (*DECIDED, Case.Status.PENDING)
REASON = "Filme cortado no ápice."
RANKS = (1, 1, 1, 1, 2, 3, None)
TEETH = [quadrant * 10 + position for quadrant in (1, 2, 3, 4) for position in range(1, 9)]


def fill(number: int, *, reviewer: User, seed: int = 0) -> None:
    """Add `number` cases with films, findings, candidates, history and answers.

    Needs four implants or more. The same seed gives the same cases.
    """
    rng = Random(seed)  # noqa: S311 # nosec B311 # invented data, the same for a seed
    implants = list(Implant.objects.all())
    now, known = timezone.now(), Case.objects.count()
    arrivals = [now - timedelta(days=DAYS) * (1 - place / number) for place in range(number)]
    for first in range(0, number, AT_ONCE):
        with transaction.atomic():
            cases = Case.objects.bulk_create(
                _case(rng, known + place, arrivals[place], now, reviewer)
                for place in range(first, min(first + AT_ONCE, number))
            )
            findings = _findings(rng, cases)
            Result.objects.bulk_create(_results(rng, findings, implants, reviewer))
            CaseEvent.objects.bulk_create(_events(cases, reviewer))
            ResultReturn.objects.bulk_create(_answers(rng, cases))
    # The columns themselves take the time at which a row is written.
    Case.objects.update(created_at=F("queued_at"))


def analyze() -> None:
    """What PostgreSQL would know by itself a minute later."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _case(rng: Random, number: int, arrived: datetime, now: datetime, reviewer: User) -> Case:
    status = rng.choices(list(SHARES), weights=list(SHARES.values()))[0]
    took = timedelta(minutes=rng.expovariate(1 / 40))
    is_decided = status in DECIDED
    is_refused = status == Case.Status.REJECTED
    is_jotform = rng.random() < 0.8
    return Case(
        source=Case.Source.JOTFORM if is_jotform else Case.Source.UPLOAD,
        jotform_submission_id=str(FIRST_SUBMISSION + number) if is_jotform else None,
        dentist_name=f"Dra. Exemplo {number % 400}",
        dentist_email=f"dentista{number % 400}@example.com",
        patient_name=f"Paciente Fictício {number}",
        tooth=rng.choice(TEETH),
        status=status,
        priority=rng.choices(list(Case.Priority), weights=(19, 1))[0],
        failure=REASON if status == Case.Status.FAILED else "",
        band=rng.choice([Band.HIGH, Band.MEDIUM, Band.LOW]) if status in MATCHED else "",
        outcome=_outcome(rng, status),
        decision_reason=REASON if is_refused else "",
        queued_at=arrived,
        matched_at=arrived + timedelta(seconds=2) if status in MATCHED else None,
        decided_at=min(arrived + took, now) if is_decided else None,
        decided_by=reviewer if is_decided else None,
    )


def _outcome(rng: Random, status: str) -> str:
    if status == Case.Status.REJECTED:
        return rng.choice([Finding.Outcome.NOT_IN_CATALOGUE, Finding.Outcome.UNREADABLE])
    return Finding.Outcome.IDENTIFIED if status == Case.Status.APPROVED else ""


def _findings(rng: Random, cases: Sequence[Case]) -> list[Finding]:
    """Every case has a film, each tenth two; whatever is matched, one fixture on each."""
    films = [
        CaseImage(case=case, width=640, height=900, file=f"uploads/bench/{case.pk}-{number}")
        for case in cases
        for number in range(1 + (rng.random() < 0.1))
    ]
    matched = [film for film in CaseImage.objects.bulk_create(films) if film.case.matched_at]
    return Finding.objects.bulk_create(
        Finding(case_image=film, outcome=film.case.outcome) for film in matched
    )


def _results(
    rng: Random, findings: Sequence[Finding], implants: Sequence[Implant], reviewer: User
) -> Iterator[Result]:
    for finding in findings:
        case = finding.case_image.case
        chosen = rng.sample(implants, CANDIDATES + 1)
        approved = rng.choice(RANKS) if case.status == Case.Status.APPROVED else 0
        for rank, implant in enumerate(chosen[:CANDIDATES], start=1):
            decided = {"approved": True, "approved_at": case.decided_at, "approved_by": reviewer}
            yield Result(
                finding=finding,
                implant=implant,
                rank=rank,
                similarity=0.95 - rank / 50,
                encoder=ENCODER,
                **(decided if rank == approved else {}),
            )
        if approved is None:
            yield Result(finding=finding, implant=chosen[-1], **decided)


def _events(cases: Sequence[Case], reviewer: User) -> Iterator[CaseEvent]:
    What = CaseEvent.What
    for case in cases:
        yield CaseEvent(case=case, what=What.RECEIVED, details={"source": case.source, "films": 1})
        if case.matched_at:
            yield CaseEvent(case=case, what=What.MATCHED, details={"films": 1})
        if case.decided_at:
            what = What.APPROVED if case.outcome == Finding.Outcome.IDENTIFIED else What.REJECTED
            yield CaseEvent(
                case=case, what=what, actor=reviewer, actor_label=reviewer.get_username()
            )


def _answers(rng: Random, cases: Sequence[Case]) -> Iterator[ResultReturn]:
    Status = ResultReturn.Status
    for case in cases:
        if case.decided_at and case.source == Case.Source.JOTFORM:
            status = rng.choices((Status.SENT, Status.WAITING, Status.GIVEN_UP), (97, 2, 1))[0]
            is_sent = status == Status.SENT
            yield ResultReturn(
                case=case, status=status, sent_at=case.decided_at if is_sent else None
            )
