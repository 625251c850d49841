"""Applying what the sender of a case changed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from django.db import transaction
from django.utils import timezone

from cases import consent, films, proposals, undo
from cases.films import IncomingImage
from cases.intake import PROCESS_TASK, Person
from cases.models import Case, CaseEvent, CaseImage
from matching.queue import enqueue


@dataclass(frozen=True)
class Change:
    """What an edit did to a case: names of changed fields, films that came and went."""

    fields: tuple[str, ...] = ()
    films_added: int = 0
    films_removed: int = 0
    is_after_decision: bool = False
    is_reopened: bool = False

    @property
    def has_films(self) -> bool:
        return bool(self.films_added or self.films_removed)

    def __bool__(self) -> bool:
        return bool(self.fields or self.has_films)


def revise(
    *,
    case_id: int,
    person: Person | None,
    images: Sequence[IncomingImage],
    form_id: str = "",
    replaced: Collection[int] = (),
    is_complete: bool = True,
    confirms: bool = True,
) -> Change:
    """Make the case say what its sender says now, and process new films; nothing happens where
    it says so already.

    `images` are all films that the sender shows now: where the list `is_complete`, films with
    an address that are not on it are removed. `replaced` are ids of films whose content is
    another one by now, at the same address. Without a `person` only films change. A case that
    was held is released where this `confirms` it.
    Changed films bring any case back to `received` (a decision is taken back), and so does a
    consent that comes after a rejection for the lack of it. Without a consent that was asked
    for, a case that is not decided waits: one that was is decided on what was allowed then, and
    stays so. Other changes leave its status; an archived case stays as it is.
    Raises Case.DoesNotExist.
    """
    stored = [films.store(image) for image in _unknown_contents(case_id, images)]
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_id)
        change = Change()
        if case.status != Case.Status.ARCHIVED:
            gone = _gone(case, images if is_complete else None, replaced)
            change = _apply(case, person, [*_addresses(case, images, gone), *stored], gone)
            if case.is_held and confirms:
                _confirm(case, form_id)
    films.discard((row for row in stored if row.pk is None), case=case)
    return change


def confirm(*, case_id: int) -> None:
    """Let a held case go as it is. Others are left alone. Raises Case.DoesNotExist."""
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_id)
        if case.is_held and case.status != Case.Status.ARCHIVED:
            _confirm(case, case.form_id)


def explain_hold(*, case_id: int, reason: str) -> None:
    """Say on a held case why it still waits."""
    Case.objects.held().filter(pk=case_id).update(failure=reason[:255])


def _unknown_contents(case_id: int, images: Sequence[IncomingImage]) -> list[IncomingImage]:
    # Nothing of an erased case may be stored again, not even until it is discarded.
    if Case.objects.filter(pk=case_id, status=Case.Status.ARCHIVED).exists():
        return []
    known = CaseImage.objects.filter(case_id=case_id).values_list("sha256", flat=True)
    return [image for image in images if image.sha256 and image.sha256 not in set(known)]


def _gone(
    case: Case, complete: Sequence[IncomingImage] | None, replaced: Collection[int]
) -> list[CaseImage]:
    shown = None if complete is None else {_place(case, image.source_url) for image in complete}
    return [
        image
        for image in case.images.all()
        if image.pk in replaced
        or (shown is not None and image.source_url and _place(case, image.source_url) not in shown)
    ]


def _addresses(
    case: Case, images: Sequence[IncomingImage], gone: Sequence[CaseImage]
) -> list[CaseImage]:
    """New rows for the addresses that the case does not have, or not with this content."""
    kept = case.images.exclude(pk__in=[image.pk for image in gone])
    known = {_place(case, address) for address in kept.values_list("source_url", flat=True)}
    addresses = dict.fromkeys(image.source_url for image in images if image.source_url)
    return [
        CaseImage(source_url=address) for address in addresses if _place(case, address) not in known
    ]


def _place(case: Case, address: str) -> str:
    """What tells one film from another: the path, since the same file may be named on another
    host of the same service. A held case takes every letter from its source."""
    if case.is_held:
        return address
    return unquote(urlsplit(address)._replace(scheme="", netloc="").geturl())


def _apply(
    case: Case, person: Person | None, added: Sequence[CaseImage], gone: Sequence[CaseImage]
) -> Change:
    is_lacking = consent.is_lacking(case, person)
    fields = _change_person(case, person) if person else ()
    change = Change(fields, len(added), len(gone), case.is_decided)
    if case.is_decided and (change.has_films or (case.awaits_consent and not is_lacking)):
        change = replace(change, is_reopened=True)
    if change and not case.is_held:
        case.record(
            CaseEvent.What.UPDATED,
            fields=list(change.fields),
            films_added=change.films_added,
            films_removed=change.films_removed,
        )
    if change.is_reopened:
        case.record(CaseEvent.What.REOPENED)
        undo.take_back(case)
    elif "consent_at" in change.fields and not case.consent_at:
        proposals.withdraw(case)
    films.remove(gone)
    films.create(case, added)
    awaited = case.awaits_consent
    if change.is_reopened or not case.is_decided:
        case.awaits_consent = is_lacking
    _bring_on(case, change, is_turned=case.awaits_consent != awaited)
    if case.awaits_consent and not (awaited or case.is_held):
        case.record(CaseEvent.What.CONSENT_MISSING)
    return change


def _bring_on(case: Case, change: Change, *, is_turned: bool) -> None:
    """Save the case, back at its beginning where its films changed; `is_turned`: also where
    work on them, which may be under way, has to end or may begin now."""
    is_open = case.status in (Case.Status.RECEIVED, Case.Status.PENDING)
    if change.has_films or change.is_reopened or (is_turned and is_open):
        _start_again(case)
    elif change and case.status in (Case.Status.PENDING, Case.Status.FAILED):
        case.revision += 1
    if change or is_turned:
        case.save()


def _change_person(case: Case, person: Person) -> tuple[str, ...]:
    """Names of the fields that changed. Of the consent only whether it was given counts."""
    said = person.columns()
    if consent.is_unchanged(case, person):
        said |= {"consent_at": case.consent_at, "consent_version": case.consent_version}
    changed = tuple(name for name, value in said.items() if getattr(case, name) != value)
    for name in changed:
        setattr(case, name, said[name])
    case.client_hash = person.hash or case.client_hash
    return tuple(name for name in changed if name != "consent_version")


def _start_again(case: Case) -> None:
    """→ received: other films are to be looked at."""
    case.revision += 1
    case.requeue()
    _queue(case)


def _queue(case: Case) -> None:
    if not case.is_stopped:
        enqueue(PROCESS_TASK, case.pk)


def _confirm(case: Case, form_id: str) -> None:
    """Let a held case go: its source has said that it is what it seems."""
    case.queued_at = timezone.now()
    case.form_id = form_id[:32] or case.form_id
    if case.status in (Case.Status.RECEIVED, Case.Status.FAILED):
        case.requeue()
        _queue(case)
    if case.awaits_consent:
        case.record(CaseEvent.What.CONSENT_MISSING)
    case.save()
