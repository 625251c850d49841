"""Writing down what came of processing a case."""

import logging
from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from cases import candidates
from cases.candidates import Outcome
from cases.models import MAX_POSTPONED, Case, CaseEvent, Finding, pause_before
from cases.signals import case_matched
from matching import measured

log = logging.getLogger(__name__)


def settle(case: Case, outcomes: Sequence[Outcome]) -> None:
    """Bring the case on by what came of its films. `case` is as it was when the run began:
    nothing is written when it is another one by now."""
    found = [outcome for outcome in outcomes if outcome.compared]
    awaited = any(outcome.may_come for outcome in outcomes)
    if case.is_awaiting_review:
        _add(case, found, awaited=awaited)
    elif found or Finding.objects.filter(case_image__case=case).exists():
        _complete(case, found, awaited=awaited)
    elif awaited and case.postponed < MAX_POSTPONED:
        _postpone(case, _reason(case, outcomes))
    else:
        fail(case, _reason(case, outcomes))


def fail(case: Case, reason: str) -> bool:
    """received → failed, with the reason for the screen. False when the case has moved on."""
    with transaction.atomic():
        changed = _unchanged(case).update(
            status=Case.Status.FAILED,
            failure=reason[:255],
            next_try_at=None,
            updated_at=timezone.now(),
        )
        if changed:
            case.record(CaseEvent.What.FAILED)
            measured.failed(measured.Trouble.CASE_FAILED)
            log.warning("case %s failed: %s", case.pk, reason)
    return bool(changed)


def no_film() -> str:
    return _("The request came without any radiograph.")


def _unchanged(case: Case) -> QuerySet[Case]:
    """The received case as the run began with it."""
    received = Case.objects.filter(status=Case.Status.RECEIVED)
    return received.filter(pk=case.pk, revision=case.revision)


def _reason(case: Case, outcomes: Sequence[Outcome]) -> str:
    return next((one.error for one in outcomes if one.error), case.failure or no_film())


def _postpone(case: Case, reason: str) -> None:
    postponed = case.postponed + 1
    _unchanged(case).update(
        attempts=0,
        postponed=postponed,
        next_try_at=timezone.now() + pause_before(postponed),
        failure=reason[:255],
        updated_at=timezone.now(),
    )
    log.info("case %s waits for its films", case.pk)


def _complete(case: Case, found: Sequence[Outcome], *, awaited: bool) -> None:
    """received → pending, with the candidates."""
    with transaction.atomic():
        row = _unchanged(case).select_for_update().first()
        if row is None:
            return
        _take_in(found)
        is_first = row.matched_at is None
        row.band = candidates.band_of(row)
        row.status, row.failure, row.matched_at = Case.Status.PENDING, "", timezone.now()
        row.postponed, row.next_try_at = 0, None
        if awaited:
            row.next_try_at = timezone.now() + pause_before(1)
        row.save()
        row.record(CaseEvent.What.MATCHED, **_counted(found))
        log.info("case %s awaits review", row.pk)
        case_matched.send(sender=Case, case=row)
    if is_first:
        _note_time(row)


def _note_time(case: Case) -> None:
    """From the moment that it could be worked on: a case is not before there is a consent."""
    since = max(filter(None, (case.created_at, case.consent_at)))
    if case.matched_at:
        measured.took(measured.Stage.TOTAL, (case.matched_at - since).total_seconds())


def _add(case: Case, found: Sequence[Outcome], *, awaited: bool) -> None:
    """Put films that came late before the reviewer, who may have decided meanwhile."""
    with transaction.atomic():
        row = Case.objects.awaiting_review().select_for_update().filter(pk=case.pk).first()
        if row is None or row.revision != case.revision:
            return
        _take_in(found)
        row.band = candidates.band_of(row)
        if not awaited or row.postponed >= MAX_POSTPONED:
            row.next_try_at = None
            row.images.update(is_awaited=False)
        if found:
            row.revision += 1
            row.record(CaseEvent.What.MATCHED, **_counted(found))
        row.save(update_fields=["next_try_at", "revision", "band", "updated_at"])


def _take_in(found: Sequence[Outcome]) -> None:
    for outcome in found:
        candidates.take_in(outcome)


def _counted(found: Sequence[Outcome]) -> dict[str, int]:
    """Of how many films, and how many fixtures the finder saw on them."""
    fixtures = sum(one.found is not None for outcome in found for one in outcome.compared)
    return {"films": len(found), "fixtures": fixtures}
