"""What happens with a delivery.

With an API key Jotform is asked: a delivery only says "look", its case is held until the
submission was read. Without a key the delivery itself is believed, the newest one last.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from cases import erasure
from cases.erasers import Wanted
from cases.films import IncomingImage
from cases.intake import Received
from cases.models import Case
from cases.persons import same_name
from integrations.jotform.incoming import payload, readings, submissions
from integrations.jotform.incoming.form import Submission
from integrations.models import JotformDelivery, JotformSubmission
from matching.locks import work_lock

MAX_SUBMISSION_ID = 32
MAX_FORM_ID = 64
# Until then a delivery is being taken in.
LEFT_AFTER = timedelta(minutes=1)
LEFT_AT_ONCE = 200
WORK_LOCK = "raiox.delivery"


def keep(submission: Submission, *, fields: Mapping[str, Any]) -> JotformDelivery:
    """Store a delivery as it came, without secrets. What follows may be interrupted: then
    `take_in_left_behind` finds it."""
    return JotformDelivery.objects.create(
        submission_id=submission.submission_id[:64],
        form_id=submission.form_id[:64],
        fields=payload.redact(fields),
        problem=submission.problem[:255],
    )


def keep_for_later(submission: Submission, *, fields: Mapping[str, Any]) -> None:
    """Store a delivery that cannot be answered now, where a case can be made of it."""
    if can_be_taken_in(submission):
        keep(submission, fields=fields)


def forget(delivery: JotformDelivery) -> None:
    """Keep that it came, not what it said: nobody is going to work with it."""
    JotformDelivery.objects.filter(pk=delivery.pk).update(fields={})


def has_valid_ids(submission: Submission) -> bool:
    is_short = len(submission.submission_id) <= MAX_SUBMISSION_ID
    return is_short and len(submission.form_id) <= MAX_FORM_ID


def is_known_form(submission: Submission) -> bool:
    return not settings.JOTFORM_FORM_IDS or submission.form_id in settings.JOTFORM_FORM_IDS


def can_be_taken_in(submission: Submission) -> bool:
    """Whether a case comes of it, also without the files that came along."""
    is_of_use = bool(submission.submission_id) and not submission.is_preview
    return is_of_use and has_valid_ids(submission) and is_known_form(submission)


def deliver(
    delivery: JotformDelivery, submission: Submission, uploaded: Sequence[IncomingImage] = ()
) -> Case:
    """Take a stored delivery in, and tie it to its case; both at once, unless there are files
    to be stored, which no transaction should wait for."""
    with nullcontext() if uploaded else transaction.atomic():
        if submission.submission_id and not uploaded and settings.JOTFORM_API_KEY.strip():
            # Before the case, as everybody does who needs both.
            submissions.locked_row(submission.submission_id)
        received = take_in(submission=submission, uploaded=uploaded)
        if received.is_new and not uploaded:
            # Of this transaction: nobody else sees it, and it says what the delivery says.
            JotformDelivery.objects.filter(pk=delivery.pk).update(case=received.case)
        else:
            _tie(delivery, submission, received.case)
    return received.case


def take_in(*, submission: Submission, uploaded: Sequence[IncomingImage] = ()) -> Received:
    """The case of one delivery, made or brought up to date, and which of the two.

    With an API key the case is held and Jotform is asked, which decides what is right.
    """
    if submission.submission_id and settings.JOTFORM_API_KEY.strip():
        received = submissions.receive(submission, uploaded, hold=True)
        if uploaded and not received.is_new:
            submissions.add_films(received.case, uploaded)
        readings.ask(
            submission_id=submission.submission_id, form_id=submission.form_id, case=received.case
        )
        return received
    if submission.submission_id and not uploaded:
        return submissions.believe(submission)
    # Files that come along are stored first, which no lock should wait for.
    received = submissions.receive(submission, uploaded)
    if submission.submission_id and not received.is_new:
        submissions.revise_with_files(received.case, submission, uploaded)
    return received


def take_in_left_behind() -> int:
    """Take in the deliveries that were stored and nothing more, because their request was
    killed or came too fast after others; how many there were.

    Safe to repeat and to run twice at once. All have their turn, also after one that fails;
    then its error is raised.
    """
    now = timezone.now()
    left = _left().filter(received_at__lt=now - LEFT_AFTER)
    ids = list(left.order_by("pk").values_list("pk", flat=True)[:LEFT_AT_ONCE])
    with ExitStack() as stack:
        for delivery_id in reversed(ids):
            stack.callback(_take_in_left, delivery_id)
    return len(ids)


def _left() -> QuerySet[JotformDelivery]:
    return JotformDelivery.objects.filter(case=None).exclude(fields={})


def _take_in_left(delivery_id: int) -> None:
    with work_lock(WORK_LOCK, delivery_id) as acquired:
        delivery = _left().filter(pk=delivery_id).first() if acquired else None
        if delivery is None:
            return
        submission = submissions.said_in(delivery)
        if not can_be_taken_in(submission):
            forget(delivery)
        elif newer := _overtaking(delivery, submission):
            _tie(delivery, submission, newer)
        else:
            deliver(delivery, submission)


def _overtaking(delivery: JotformDelivery, submission: Submission) -> Case | None:
    """The case, if it says already what a later delivery said: one that was submitted later,
    where both tell when they were, else one that arrived later."""
    known = JotformSubmission.objects.filter(submission_id=delivery.submission_id).first()
    if submission.submitted_ms and submission.submitted_ms > ((known and known.submitted_ms) or 0):
        return None
    later = JotformDelivery.objects.filter(
        submission_id=delivery.submission_id, pk__gt=delivery.pk, problem=""
    )
    newest = later.exclude(case=None).select_related("case").first()
    return newest.case if newest else None


def forget_case(case: Case) -> Counter[str]:
    """A delivery holds the personal data of its case and goes with it."""
    # A repeated delivery may not have been tied to its case.
    repeated = Q(submission_id=case.jotform_submission_id)
    rows = JotformDelivery.objects.filter(Q(case=case) | repeated)
    # One that is being read is locked before its case: its reading writes the error anew.
    known = JotformSubmission.objects.select_for_update(skip_locked=True).filter(case=case)
    JotformSubmission.objects.filter(pk__in=[row.pk for row in known]).update(last_error="")
    return Counter(deliveries=rows.delete()[0])


def left_of(wanted: Wanted) -> list[JotformDelivery]:
    """Deliveries of a person that are not found by a case of theirs: not taken in yet, or tied
    to the case of somebody else; none where nobody is named."""
    is_nobody = not (wanted.email.strip() or wanted.patient.strip())
    if is_nobody or (wanted.patient and not same_name(wanted.patient)):
        return []
    beside = Q(case=None) | ~Q(case__in=erasure.found(wanted))
    kept = JotformDelivery.objects.filter(beside).exclude(fields={})
    return [one for one in kept.iterator(chunk_size=200) if _is_of(one, wanted)]


def is_about(delivery: JotformDelivery, case: Case) -> bool:
    """Whether a delivery names nobody else than its case does; one that cannot be read has to
    mention somebody of the case."""
    said = submissions.said_in(delivery)
    if not said.problem:
        return not submissions.says_otherwise(said, case)
    people = (Wanted(email=case.dentist_email), Wanted(patient=case.patient_name))
    named = [one for one in people if one.email.strip() or same_name(one.patient)]
    return not named or any(_is_of(delivery, one) for one in named)


def forget_person(wanted: Wanted) -> Counter[str]:
    """No case leads to these deliveries. The submission of one that was not taken in yet is
    remembered as an erased case, so that polling does not bring it back."""
    theirs = [one.pk for one in left_of(wanted)]
    for delivery in JotformDelivery.objects.filter(pk__in=theirs):
        # The case first, as who takes a delivery in: each would wait for the other.
        if can_be_taken_in(submissions.said_in(delivery)):
            Case.objects.get_or_create(
                jotform_submission_id=delivery.submission_id,
                defaults={"source": Case.Source.JOTFORM, "status": Case.Status.ARCHIVED},
            )
        forget(delivery)
    return Counter(deliveries=len(theirs))


def _is_of(delivery: JotformDelivery, wanted: Wanted) -> bool:
    """Where a delivery cannot be read, a mention of the person is enough."""
    said, text = submissions.said_in(delivery), str(delivery.fields).casefold()
    address, name = wanted.email.strip().casefold(), same_name(wanted.patient)
    is_unread = bool(said.problem)
    has_address = said.dentist_email.strip().casefold() == address or (
        is_unread and address in text
    )
    has_name = same_name(said.patient_name) == name or (is_unread and name in same_name(text))
    return (has_address or not address) and (has_name or not name)


def _tie(delivery: JotformDelivery, submission: Submission, case: Case) -> None:
    row = JotformDelivery.objects.filter(pk=delivery.pk)
    with transaction.atomic():
        # An erasure that is under way did not see this delivery: it has to end first.
        known = Case.objects.select_for_update().get(pk=case.pk)
        row.update(case=known)
        # Nobody works with it any more, and its person would not be found by the case.
        is_outdated = submissions.says_otherwise(submission, known)
        if known.status == Case.Status.ARCHIVED or is_outdated:
            row.update(fields={})
