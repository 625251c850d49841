"""Decided films as new references: a reviewer proposes, a curator confirms."""

import logging
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from cases import crops, doomed, hard_negatives, proposal_tests, verdicts
from cases.learning import Effect
from cases.models import Case, CaseEvent, Finding, ReferenceProposal
from cases.records import audit
from cases.verdicts import ReviewError, StateConflict
from implants.models import ReferenceImage
from implants.storage import STORAGE_ERRORS
from matching import indexing
from matching.encoder import EncoderError
from matching.queue import enqueue

log = logging.getLogger(__name__)
Status = ReferenceProposal.Status
TEST_TASK = "cases.tasks.test_proposal"
WHY_LENGTH = 300


@dataclass(frozen=True)
class Despite:
    """What a curator says who takes a picture although earlier decisions would have been worse
    with it: as how many of them she was shown, and why."""

    worse: int
    why: str


class MakesWorse(ReviewError):
    """With this reference earlier decisions would have been worse (`effect`)."""

    def __init__(self, effect: Effect) -> None:
        self.effect = effect
        super().__init__(
            _(
                "Nothing was changed: with this picture earlier decisions would have been worse."
                " Look at the test below; to accept it all the same, tick that and say why."
            )
        )


def propose(*, finding_id: int, implant_id: int, by: User) -> ReferenceProposal:
    """Propose a fixture as a reference of the implant that was approved for it.

    One that is proposed already stays so. Raises ReviewError when the case has no consent,
    the film is gone, the fixture is not marked on it, or was not identified as that implant;
    StateConflict when a curator has decided about it before.
    """
    with transaction.atomic():
        case = _lock_case(finding_id)
        finding = Finding.objects.select_related("case_image").get(pk=finding_id)
        _check(case, finding, implant_id)
        proposal, is_new = ReferenceProposal.objects.get_or_create(
            finding=finding, implant_id=implant_id, defaults={"proposed_by": by}
        )
        if proposal.status != Status.PROPOSED:
            raise StateConflict(_decided(proposal))
        if is_new:
            case.record(CaseEvent.What.REFERENCE_PROPOSED, actor=by, implant_id=implant_id)
            enqueue(TEST_TASK, proposal.pk)
    return proposal


def accept(*, proposal_id: int, by: User, despite: Despite | None = None) -> ReferenceImage:
    """proposed → accepted: the fixture's part of the film becomes a reference of the implant,
    verified by the curator, with nothing that leads back to the case, and is compared from now
    on.

    It is tested first, unless the test that was made still holds. The film is read and stored
    outside the transaction; of two curators one wins. Raises MakesWorse where it would have
    made earlier decisions worse and the curator did not say `despite` of that; ReviewError when
    the film cannot be used, is gone, the fixture is not marked on it, is a reference already or
    cannot be tested; StateConflict when the proposal or the decision behind it does not stand
    any more; ReferenceProposal.DoesNotExist.
    """
    proposal = _open(proposal_id)
    content = crops.picture(proposal.finding)
    effect = proposal_tests.up_to_date(proposal, content)
    why = _reason_for(effect, despite)
    reference = _stored(proposal, content, by)
    is_kept = False
    try:
        with transaction.atomic():
            proposal = _locked(proposal_id)
            _check(proposal.finding.case_image.case, proposal.finding, proposal.implant_id)
            _refuse_twin(reference.sha256)
            reference.save()
            hard_negatives.illustrate(finding_id=proposal.finding_id, reference=reference)
            _note_despite(proposal, effect, why, by)
            proposal.reference = reference
            _close(proposal, Status.ACCEPTED, by)
        is_kept = True
    except IntegrityError as error:
        raise ReviewError(_("This picture is already a reference.")) from error
    finally:
        if not is_kept:
            _discard(reference, proposal.finding.case_image.case_id)
    _index(reference)
    return reference


def decline(*, proposal_id: int, by: User) -> ReferenceProposal:
    """proposed → declined. Raises StateConflict, ReferenceProposal.DoesNotExist."""
    with transaction.atomic():
        proposal = _locked(proposal_id)
        _close(proposal, Status.DECLINED, by)
    return proposal


def withdraw(case: Case) -> None:
    """Delete the proposals of a case, and the references that were made of them. The caller
    holds the lock of the case; files go once its transaction is committed."""
    proposals = ReferenceProposal.objects.filter(finding__case_image__case=case)
    made = list(proposals.exclude(reference=None).values_list("reference_id", flat=True))
    proposals.delete()
    references = ReferenceImage.objects.filter(pk__in=made)
    names = [name for pair in references.values_list("file", "thumbnail") for name in pair]
    doomed.delete_later(doomed.doom(case_id=case.pk, names=names))
    references.delete()


def hide_references(case: Case) -> None:
    """Delete the proposals of a case, and have what was made of them not searched any more,
    until its pictures are deleted. The caller holds the lock of the case."""
    proposals = ReferenceProposal.objects.filter(finding__case_image__case=case)
    ReferenceImage.objects.filter(pk__in=references_of(case)).update(is_active=False)
    proposals.filter(reference=None).delete()


def references_of(case: Case) -> list[int]:
    """Ids of the references that were made of the films of a case."""
    made = ReferenceProposal.objects.filter(finding__case_image__case=case)
    return list(made.exclude(reference=None).values_list("reference_id", flat=True))


def delete_pictures(reference_id: int) -> None:
    """Delete what is stored of a reference, whose row stays. Raises what the storage does."""
    for reference in ReferenceImage.objects.filter(pk=reference_id):
        for stored in (reference.thumbnail, reference.file):
            if stored:
                stored.storage.delete(str(stored.name))


def withdraw_one(reference_id: int) -> bool:
    """Delete a reference and the proposal behind it; False where it was gone."""
    ReferenceProposal.objects.filter(reference=reference_id).delete()
    return bool(ReferenceImage.objects.filter(pk=reference_id).delete()[0])


def forget_open(case: Case) -> None:
    """Delete what was proposed and not decided yet: its film goes."""
    ReferenceProposal.objects.filter(
        finding__case_image__case=case, status=Status.PROPOSED
    ).delete()


def _lock_case(finding_id: int) -> Case:
    """Before its proposals, as every decision does: two that lock the other way round would
    block."""
    case = Case.objects.filter(images__findings=finding_id)
    locked = Case.objects.select_for_update().filter(pk__in=case.values("pk")).first()
    if locked is None:
        raise ReviewError(_("The case has no such finding."))
    return locked


def _check(case: Case, finding: Finding, implant_id: int) -> None:
    if case.status != Case.Status.APPROVED:
        raise StateConflict(_("Only a fixture of an approved case can become a reference."))
    if case.consent_at is None:
        raise ReviewError(
            _("The consent of this case is missing: its film cannot become a reference.")
        )
    if not finding.case_image.is_readable:
        raise ReviewError(crops.film_gone())
    crops.box_of(finding)
    approved = set(finding.results.filter(approved=True).values_list("implant_id", flat=True))
    if implant_id not in approved:
        raise StateConflict(_("This fixture was not identified as this implant."))
    if len(approved) > 1:
        raise ReviewError(
            _("It was identified as one of several implants: a reference has to be certain.")
        )


def _decided(proposal: ReferenceProposal) -> str:
    if proposal.status == Status.ACCEPTED:
        return _("This fixture is a reference already.")
    return _("A curator has declined this fixture as a reference.")


def _open(proposal_id: int) -> ReferenceProposal:
    rows = ReferenceProposal.objects.select_related("finding__case_image__case", "implant")
    proposal = rows.get(pk=proposal_id)
    if proposal.status != Status.PROPOSED:
        raise StateConflict(_decided(proposal))
    return proposal


def _locked(proposal_id: int) -> ReferenceProposal:
    _lock_case(ReferenceProposal.objects.get(pk=proposal_id).finding_id)
    ReferenceProposal.objects.select_for_update().get(pk=proposal_id)
    return _open(proposal_id)


def _stored(proposal: ReferenceProposal, content: bytes, by: User) -> ReferenceImage:
    """A reference whose file is in the storage already, not saved yet."""
    reference = crops.as_reference(proposal, crops.film_of(content))
    _refuse_twin(reference.sha256)
    reference.verified_by = by
    try:
        reference.file.save("", ContentFile(content), save=False)
    except STORAGE_ERRORS as error:
        log.exception("the picture of proposal %s could not be stored", proposal.pk)
        raise ReviewError(_("The image storage did not answer. Please try again.")) from error
    return reference


def _reason_for(effect: Effect, despite: Despite | None) -> str:
    """Why it is accepted although it makes something worse; empty where it does not. The
    curator has to have seen as much."""
    if not effect.worse:
        return ""
    why = despite.why.strip() if despite else ""
    if despite is None or not why or effect.worse > despite.worse:
        raise MakesWorse(effect)
    too_long = _("The reason is too long: at most %(limit)d characters.")
    return verdicts.text(why, WHY_LENGTH, too_long)


def _note_despite(proposal: ReferenceProposal, effect: Effect, why: str, by: User) -> None:
    """The reason goes with the proposal; what is kept for ever holds no free text."""
    if not effect.worse:
        return
    proposal.effect = {**(proposal.effect or {}), "despite": why}
    audit(
        "reference_despite_test",
        actor=by,
        target=f"cases.referenceproposal {proposal.pk}",
        worse=effect.worse,
        better=effect.better,
        compared=effect.compared,
    )


def _index(reference: ReferenceImage) -> None:
    """At once, so that the next film is compared with it; else the task that was queued with
    its row does it."""
    try:
        indexing.index_reference(reference_id=reference.pk)
    except (indexing.StorageUnavailable, EncoderError) as error:
        log.warning("reference %s is not compared yet: %s", reference.pk, error)


def _refuse_twin(sha256: str) -> None:
    twin = ReferenceImage.objects.filter(sha256=sha256).select_related("implant").first()
    if twin:
        raise ReviewError(
            _("This picture is already a reference of %(implant)s.") % {"implant": twin.implant}
        )


def _discard(reference: ReferenceImage, case_id: int) -> None:
    """Delete a picture that became no reference, or write down that it is to go."""
    doomed.try_delete(doomed.doom(case_id=case_id, names=[str(reference.file.name)]))


def _close(proposal: ReferenceProposal, status: ReferenceProposal.Status, by: User) -> None:
    proposal.status, proposal.decided_by, proposal.decided_at = status, by, timezone.now()
    proposal.save(update_fields=["status", "decided_by", "decided_at", "reference", "effect"])
