"""The consent that a form asks for: without it a case waits, and nothing is done with its films."""

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from cases.intake import PROCESS_TASK, Person
from cases.models import Case, CaseEvent
from cases.terms import TERMS_VERSION
from cases.verdicts import StateConflict
from matching.queue import enqueue

What, Status = CaseEvent.What, Case.Status
_RECORDED = Q(what=What.CONSENT_RECORDED)
_CHANGED = Q(what=What.UPDATED, details__fields__contains="consent_at")


def record(*, case_id: int, by: User) -> Case:
    """Write down that the consent was given outside of the form, and let the case go.

    What staff wrote down stays, also when the sender edits something else and the question of
    the form is still not answered. Raises StateConflict where the case does not wait for
    consent, Case.DoesNotExist.
    """
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_id)
        if not case.awaits_consent or case.status not in (Status.RECEIVED, Status.FAILED):
            raise StateConflict(_("This case does not wait for consent (any more)."))
        case.consent_at, case.consent_version = timezone.now(), TERMS_VERSION
        case.awaits_consent = False
        case.save()
        case.record(What.CONSENT_RECORDED, actor=by, version=TERMS_VERSION)
        if case.status == Status.RECEIVED:
            case.requeue()
            if not case.is_held:
                enqueue(PROCESS_TASK, case.pk)
    return case


def is_lacking(case: Case, person: Person | None) -> bool:
    """Whether the consent is missing once the case says what its sender says now; without a
    `person` nothing is said. A question that was asked once may be left out when it is not
    answered: only while the case is held nobody has confirmed that it was asked."""
    if person is None:
        return case.consent_at is None and _was_asked(case)
    known = case if is_unchanged(case, person) else person
    is_asked = person.is_consent_asked or (not case.is_held and _was_asked(case))
    return is_asked and known.consent_at is None


def is_unchanged(case: Case, person: Person) -> bool:
    """Whether the consent stays what it is. What staff wrote down is replaced by what the form
    says only when that gives consent too."""
    is_given, was_given = person.consent_at is not None, case.consent_at is not None
    if was_given and _is_from_staff(case):
        return not is_given
    return is_given == was_given


def was_taken_back(case: Case) -> bool:
    """Whether the consent was there, and the sender took it back."""
    return case.consent_at is None and case.events.filter(_CHANGED).exists()


def _was_asked(case: Case) -> bool:
    if case.awaits_consent or case.consent_at is not None:
        return True
    return case.is_decided and was_taken_back(case)


def _is_from_staff(case: Case) -> bool:
    last = case.events.filter(_RECORDED | _CHANGED).order_by("pk").last()
    return last is not None and last.what == What.CONSENT_RECORDED
