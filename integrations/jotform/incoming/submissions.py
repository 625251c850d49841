"""What a submission says, brought onto its case."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from cases import changes, intake
from cases.changes import Change
from cases.films import IncomingImage
from cases.models import Case
from integrations import notify
from integrations.jotform.incoming.form import Submission
from integrations.jotform.outgoing import outbox
from integrations.models import JotformSubmission, StaffNotice

# As many files as Django takes in one form.
MAX_FILMS = 100


def receive(
    submission: Submission, uploaded: Sequence[IncomingImage] = (), *, hold: bool = False
) -> intake.Received:
    """The case of a submission, made where it is new."""
    images = _images(submission, uploaded)
    return intake.receive(
        source=Case.Source.JOTFORM,
        images=images,
        person=_person(submission),
        submission_id=submission.submission_id or None,
        form_id=submission.form_id,
        problem="" if images else submission.problem,
        hold=hold,
    )


def believe(submission: Submission) -> Case:
    """Without an API key: the delivery that was submitted last is right. Deliveries of one
    submission wait for each other, and one that was overtaken changes nothing."""
    with transaction.atomic():
        row = locked_row(submission.submission_id)
        received = receive(submission)
        if not received.is_new and not _is_overtaken(row, submission):
            revise(received.case, submission, is_complete=bool(submission.file_urls))
        row.case, row.form_id = received.case, submission.form_id[:64] or row.form_id
        row.submitted_ms = max(submission.submitted_ms or 0, row.submitted_ms or 0) or None
        row.save()
    return received.case


def _is_overtaken(row: JotformSubmission, submission: Submission) -> bool:
    return (submission.submitted_ms or 0) < (row.submitted_ms or 0) and bool(
        submission.submitted_ms
    )


def revise(
    case: Case,
    submission: Submission,
    uploaded: Sequence[IncomingImage] = (),
    *,
    is_complete: bool,
    replaced: Sequence[int] = (),
) -> Change:
    """Make a known case say what its submission says (`cases.changes.revise`), and tell staff
    when it was decided already. An unreadable submission changes nothing."""
    if submission.problem:
        return Change()
    change = changes.revise(
        case_id=case.pk,
        person=_person(submission),
        images=_images(submission, uploaded),
        form_id=submission.form_id,
        replaced=replaced,
        is_complete=is_complete,
    )
    if change and change.is_after_decision:
        notify.alert(kind=StaffNotice.Kind.CHANGED_AFTER_DECISION, case=case)
        if change.has_films:
            outbox.withdraw(case=case)
        elif "tooth" in change.fields:
            outbox.correct(case=case)
    return change


def _images(submission: Submission, uploaded: Sequence[IncomingImage]) -> list[IncomingImage]:
    urls = submission.file_urls[:MAX_FILMS]
    return list(uploaded) or [IncomingImage(source_url=url) for url in urls]


def _person(submission: Submission) -> intake.Person:
    return intake.Person(
        dentist_name=submission.dentist_name,
        dentist_email=submission.dentist_email,
        patient_name=submission.patient_name,
        tooth=submission.tooth,
        consent_at=timezone.now() if submission.consent else None,
    )


def locked_row(submission_id: str) -> JotformSubmission:
    """Our row of a submission, made where it is missing, locked until the transaction ends."""
    JotformSubmission.objects.get_or_create(submission_id=submission_id)
    return JotformSubmission.objects.select_for_update().get(submission_id=submission_id)
