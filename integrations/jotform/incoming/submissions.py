"""What a submission says, brought onto its case."""

from collections.abc import Sequence

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from cases import changes, consent, intake
from cases.changes import Change
from cases.films import IncomingImage
from cases.models import Case
from cases.terms import TERMS_VERSION
from integrations import notify
from integrations.jotform.incoming import payload
from integrations.jotform.incoming.form import Submission
from integrations.jotform.outgoing import outbox
from integrations.models import JotformDelivery, JotformSubmission, StaffNotice

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


def believe(submission: Submission) -> intake.Received:
    """Without an API key: the delivery that was submitted last is right. Deliveries of one
    submission wait for each other, and one that was overtaken changes nothing."""
    with transaction.atomic():
        row = locked_row(submission.submission_id)
        received = receive(submission)
        if not received.is_new and not _is_overtaken(row, submission):
            revise(received.case, submission, is_complete=bool(submission.file_urls))
        row.case, row.form_id = received.case, submission.form_id[:64] or row.form_id
        row.submitted_ms = max(submission.submitted_ms or 0, row.submitted_ms or 0) or None
        row.save(update_fields=["case", "form_id", "submitted_ms"])
    return received


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
    _tell(case, change)
    if change.fields:
        _forget_outdated(case, change)
    return change


def revise_with_files(
    case: Case, submission: Submission, uploaded: Sequence[IncomingImage]
) -> Change:
    """The same for a submission that brings files along. They are added to what is there; where
    nothing else can be read, people, tooth and consent stay as they are."""
    if submission.problem or not submission.answers:
        return add_films(case, uploaded)
    return revise(case, submission, uploaded, is_complete=False)


def will_wait(case: Case, submission: Submission) -> bool:
    """Whether the case waits for consent once it says what its submission says."""
    return consent.is_lacking(case, _person(submission))


def add_films(case: Case, uploaded: Sequence[IncomingImage]) -> Change:
    """Add films to a known case, and nothing else; one that is held stays so."""
    change = changes.revise(
        case_id=case.pk, person=None, images=uploaded, is_complete=False, confirms=False
    )
    _tell(case, change)
    return change


def _tell(case: Case, change: Change) -> None:
    if change and change.is_after_decision:
        notify.alert(kind=StaffNotice.Kind.CHANGED_AFTER_DECISION, case=case)
        if change.is_reopened:
            outbox.withdraw(case=case)
        elif "tooth" in change.fields:
            outbox.correct(case=case)


def _forget_outdated(case: Case, change: Change) -> None:
    """Forget the deliveries of a case that say of people what it does not say (any more): whoever
    asks to be erased would not be found by them."""
    with transaction.atomic():
        known = Case.objects.select_for_update().get(pk=case.pk)
        kept = JotformDelivery.objects.filter(
            case=known, submission_id=known.jotform_submission_id
        ).exclude(fields={})
        outdated = [one.pk for one in kept if _is_outdated(said_in(one), known, change)]
        JotformDelivery.objects.filter(pk__in=outdated).update(fields={})


def _is_outdated(submission: Submission, case: Case, change: Change) -> bool:
    is_unreadable = bool(submission.problem and change.fields)
    return is_unreadable or says_otherwise(submission, case)


def says_otherwise(submission: Submission, case: Case) -> bool:
    """Whether a submission names other people than its case does."""
    said = _person(submission).columns()
    names = [name for name in ("dentist_name", "dentist_email", "patient_name") if said[name]]
    return any(said[name] != getattr(case, name) for name in names)


def said_in(delivery: JotformDelivery) -> Submission:
    """A stored delivery, read once more."""
    fields = delivery.fields
    is_form = all(isinstance(value, str) for value in fields.values())
    read = payload.parse if is_form else payload.parse_json
    return read(fields, field_map=settings.JOTFORM_FIELDS)


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
        consent_version=TERMS_VERSION if submission.consent else "",
        is_consent_asked=submission.consent is not None,
    )


def locked_row(submission_id: str) -> JotformSubmission:
    """Our row of a submission, made where it is missing, locked until the transaction ends."""
    missing = JotformSubmission(submission_id=submission_id)
    JotformSubmission.objects.bulk_create([missing], ignore_conflicts=True)
    return JotformSubmission.objects.select_for_update().get(submission_id=submission_id)
