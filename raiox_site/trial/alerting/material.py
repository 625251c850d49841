"""Cases for the faults: invented people, drawn films."""

from collections.abc import Iterator
from itertools import count

from django.contrib.auth.models import User
from django.utils import timezone

from cases import intake, review
from cases.films import IncomingImage
from cases.models import Case, CaseImage, Finding, Result
from cases.verdicts import Choice
from implants.models import Implant
from integrations.jotform.simulation.standin import SimulatedSubmission
from integrations.models import ResultReturn
from raiox_site import running
from raiox_site.trial import films, stock
from raiox_site.trial.alerting.scene import Scene

PATIENT, DENTIST, EMAIL = "Paciente Inventada", "Dra. Inventada", "inventada@example.com"
# May stand in no message.
PERSONAL = (PATIENT, "Inventad", EMAIL, "Paciente")
DISAGREEMENTS = 30
MARK = "trial-disagreement"
_numbers: Iterator[int] = count(1)


def received_case(*, content: bytes = b"", submission_id: str | None = None) -> int:
    """A case on the queue."""
    number = next(_numbers)
    person = intake.Person(
        patient_name=PATIENT,
        dentist_name=DENTIST,
        dentist_email=EMAIL,
        client_id=f"{number}",
        tooth=10 + number % 8 + 1,
    )
    image = IncomingImage(content=content or films.drawn(1000 + number))
    source = Case.Source.JOTFORM if submission_id else Case.Source.UPLOAD
    received = intake.receive(
        source=source, images=[image], person=person, submission_id=submission_id
    )
    return received.case.pk


def waiting_case(scene: Scene, *, submission_id: str | None = None) -> int:
    """A case that the worker has compared. Raises TimeoutError."""
    case = received_case(submission_id=submission_id)
    pending = Case.objects.awaiting_review().filter(pk=case)
    running.wait_for(pending.exists, 180)
    return case


def decided_case(scene: Scene) -> int:
    """An approved case of a submission that Jotform knows: the id of its answer."""
    submission_id = f"62{next(_numbers):017d}"
    scene.standin.add(SimulatedSubmission(submission_id, upload_base=scene.standin.base))
    case = waiting_case(scene, submission_id=submission_id)
    first = Result.objects.filter(finding__case_image__case=case, rank=1).first()
    assert first is not None  # noqa: S101 # nosec B101 # a compared case has candidates
    reviewer = User.objects.get(username=stock.REVIEWER)
    review.approve(case_id=case, choices=[Choice(first.implant_id)], reviewer=reviewer)
    return ResultReturn.objects.get(case=case).pk


def disagreements(scene: Scene) -> None:
    now, (first, second) = timezone.now(), Implant.objects.all()[:2]
    for _case in range(DISAGREEMENTS):
        case = Case.objects.create(
            source=Case.Source.UPLOAD, form_id=MARK, status=Case.Status.APPROVED, decided_at=now
        )
        image = CaseImage.objects.create(case=case)
        finding = Finding.objects.create(
            case_image=image, outcome=Finding.Outcome.IDENTIFIED, encoder="trial/encoder@1/x"
        )
        ranked = {"finding": finding, "similarity": 0.9, "encoder": finding.encoder}
        Result.objects.create(**ranked, implant=first, rank=1)
        Result.objects.create(**ranked, implant=second, rank=2, approved=True, approved_at=now)


def forget_disagreements(scene: Scene) -> None:
    Result.objects.filter(encoder="trial/encoder@1/x").delete()
