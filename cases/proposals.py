"""Decided films as new references: a reviewer proposes, a curator confirms."""

import logging

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from cases import doomed
from cases.models import Case, CaseEvent, Finding, ReferenceProposal
from cases.verdicts import ReviewError, StateConflict
from implants.models import ReferenceImage
from implants.storage import STORAGE_ERRORS
from matching import radiograph
from matching.boxes import Box, BoxError
from matching.radiograph import Radiograph, RadiographError

log = logging.getLogger(__name__)
Status = ReferenceProposal.Status


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
    return proposal


def accept(*, proposal_id: int, by: User) -> ReferenceImage:
    """proposed → accepted: the fixture's part of the film becomes a reference of the implant,
    verified by the curator, with nothing that leads back to the case.

    The film is read and stored outside the transaction; of two curators one wins. Raises
    ReviewError when the film cannot be used, is gone, the fixture is not marked on it or is a
    reference already, StateConflict
    when the proposal or the decision behind it does not stand any more,
    ReferenceProposal.DoesNotExist.
    """
    proposal = _open(proposal_id)
    content = picture(proposal)
    reference = _stored(proposal, content, by)
    is_kept = False
    try:
        with transaction.atomic():
            proposal = _locked(proposal_id)
            _check(proposal.finding.case_image.case, proposal.finding, proposal.implant_id)
            _refuse_twin(reference.sha256)
            reference.save()
            proposal.reference = reference
            _close(proposal, Status.ACCEPTED, by)
        is_kept = True
    except IntegrityError as error:
        raise ReviewError(_("This picture is already a reference.")) from error
    finally:
        if not is_kept:
            _discard(reference, proposal.finding.case_image.case_id)
    return reference


def decline(*, proposal_id: int, by: User) -> ReferenceProposal:
    """proposed → declined. Raises StateConflict, ReferenceProposal.DoesNotExist."""
    with transaction.atomic():
        proposal = _locked(proposal_id)
        _close(proposal, Status.DECLINED, by)
    return proposal


def picture(proposal: ReferenceProposal) -> bytes:
    """What would become the reference: the fixture upright, a greyscale JPEG without metadata.
    Raises ReviewError when it cannot be made, or no fixture is marked: a whole film may name
    somebody, and would outlive its case."""
    box = _box(proposal.finding)
    image = proposal.finding.case_image
    if not image.is_readable:
        raise ReviewError(_film_gone())
    try:
        with image.file.open("rb") as file:
            film = radiograph.load(file.read())
        return _cut(film, box)
    except (RadiographError, BoxError) as error:
        raise ReviewError(str(error)) from error
    except FileNotFoundError as error:
        raise ReviewError(_film_gone()) from error
    except STORAGE_ERRORS as error:
        log.exception("the film of proposal %s could not be read", proposal.pk)
        raise ReviewError(_("The image storage did not answer. Please try again.")) from error


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
        raise ReviewError(_film_gone())
    _box(finding)
    if not finding.results.filter(implant_id=implant_id, approved=True).exists():
        raise StateConflict(_("This fixture was not identified as this implant."))


def _box(finding: Finding) -> Box:
    if not finding.box:
        raise ReviewError(
            _("Mark the fixture on the film first: only its crop may become a reference.")
        )
    return Box.of(finding.box)


def _film_gone() -> str:
    return _("The film is not there any more.")


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


def _cut(film: Radiograph, box: Box) -> bytes:
    """Raises RadiographError when what is cut out could not be searched."""
    cut = Radiograph(box.cut(film.image), "").clean_copy()
    radiograph.load(cut)
    return cut


def _stored(proposal: ReferenceProposal, content: bytes, by: User) -> ReferenceImage:
    """A reference whose file is in the storage already, not saved yet."""
    film, modality = radiograph.load(content), proposal.finding.case_image.modality
    _refuse_twin(film.sha256)
    reference = ReferenceImage(
        implant=proposal.implant,
        sha256=film.sha256,
        width=film.width,
        height=film.height,
        modality=modality if modality in ReferenceImage.Modality.values else "",
        crop=_crop(proposal.finding, film),
        provenance=ReferenceImage.Provenance.CASE,
        verified_by=by,
        note=_("Taken over from a reviewed film."),
    )
    try:
        reference.file.save("", ContentFile(content), save=False)
    except STORAGE_ERRORS as error:
        log.exception("the picture of proposal %s could not be stored", proposal.pk)
        raise ReviewError(_("The image storage did not answer. Please try again.")) from error
    return reference


def _crop(finding: Finding, cut: Radiograph) -> dict[str, float]:
    """Where the fixture lies on the picture that was cut out: in its middle, upright."""
    box = _box(finding)
    return Box(cut.width / 2, cut.height / 2, box.width, box.height).as_json()


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
    proposal.save(update_fields=["status", "decided_by", "decided_at", "reference"])
