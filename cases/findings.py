"""The fixtures that a reviewer marks on a film, and what each is searched by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count
from django.utils.translation import gettext as _

from cases import candidates
from cases.models import Case, CaseEvent, CaseImage, Finding
from cases.verdicts import ReviewError, StateConflict, check_status
from implants.models import Implant, ReferenceImage, fits
from implants.storage import STORAGE_ERRORS
from matching import radiograph
from matching.boxes import Box
from matching.encoder import get_encoder, is_current
from matching.features import clean_seen
from matching.matcher import (
    CANDIDATES,
    Candidate,
    look_up,
    nearest_fitting,
    nearest_implants,
)
from matching.radiograph import Radiograph, RadiographError

FIXTURES_PER_FILM = 12
LIST_LENGTH = 12


@dataclass(frozen=True)
class Ranked:
    """A candidate as it stands after what was seen: `rank` is its place (from 1) without it,
    None where it was not among the first; the features that speak against and for it."""

    implant: Implant
    reference: ReferenceImage
    similarity: float
    encoder: str
    rank: int | None
    contradictions: list[str]
    agreements: list[str]


@dataclass(frozen=True)
class Ranking:
    """Candidates, best first, contradicted ones last; `fitting` of the `total` active implants
    are not contradicted by anything seen."""

    candidates: list[Ranked]
    fitting: int
    total: int


def mark(
    *, case_id: int, image_id: int, box: Box, by: User, finding_id: int | None = None
) -> Finding:
    """Put a box around a fixture, and search by what it shows at once.

    Without `finding_id` the fixture is a new one; a film that nobody has marked yet has one
    finding, the whole film, which becomes it. The same box again is the same fixture. Marks of
    two reviewers may come together: the later one stands, unless it would move what the other
    one has just moved. Raises BoxError, ReviewError (no such film, or it cannot be read; too
    many fixtures), StateConflict (the case does not await review, or somebody else moved or
    removed this mark meanwhile), EncoderError, CatalogueNotSearchable.
    """
    case, image = _film(case_id, image_id)
    box.check(image.width or 0, image.height or 0)
    last = case.events.order_by("-pk").values_list("pk", flat=True).first()
    found = look_up(box.cut(_read(image).image))
    with transaction.atomic():
        case = _locked(case_id)
        _check_film(image)
        if finding_id is not None:
            _check_untouched(case, finding_id, since=last or 0, by=by)
        finding = _target(image, box, finding_id)
        finding.box, finding.proposed_by = box.as_json(), Finding.ProposedBy.PERSON
        candidates.keep(finding, found)
        _settle(case, CaseEvent.What.FIXTURE_MARKED, finding.pk, by)
    return finding


def remove(*, case_id: int, finding_id: int, by: User) -> None:
    """Take the mark of a fixture away; the last one of a film leaves the whole film, which is
    searched by again. Nothing happens where the finding is the whole film already.

    Raises ReviewError, StateConflict, EncoderError, CatalogueNotSearchable as `mark`.
    """
    image_id = _finding(case_id, finding_id).case_image_id
    _case, image = _film(case_id, image_id)
    is_last = image.findings.count() == 1
    found = look_up(_read(image).image) if is_last else None
    with transaction.atomic():
        case = _locked(case_id)
        _check_film(image)
        finding = _finding(case_id, finding_id)
        if finding.box is None:
            return
        if found is None and image.findings.count() == 1:
            raise _moved()
        if image.findings.count() > 1:
            finding.delete()
        elif found is not None:
            finding.box, finding.proposed_by = None, Finding.ProposedBy.FINDER
            candidates.keep(finding, found)
        _settle(case, CaseEvent.What.FIXTURE_REMOVED, finding_id, by)


def rank(finding: Finding, seen: Mapping[str, str], limit: int = LIST_LENGTH) -> Ranking:
    """The catalogue beside a fixture, re-ranked by what was seen (feature → word).

    Implants of which nothing is known fit whatever was seen. Contradicted ones sink to the
    end; those among the first CANDIDATES without the filter stay on the list even there.
    Raises EncoderError, CatalogueNotSearchable; ReviewError where the film is needed and gone.
    """
    seen = clean_seen(seen)
    vector, encoder = _searched_by(finding)
    plain = fitting = nearest_implants(vector, encoder=encoder, limit=limit)
    if seen:
        fitting = nearest_fitting(vector, encoder=encoder, seen=seen, limit=limit)
    places = {candidate.implant.pk: candidate.rank for candidate in plain}
    counted = Implant.objects.active().aggregate(
        total=Count("pk"), fitting=Count("pk", filter=fits(seen)) if seen else Count("pk")
    )
    return Ranking(
        [
            _ranked(one, seen, places.get(one.implant.pk))
            for one in _sunk(plain, fitting, seen, limit)
        ],
        **counted,
    )


def _sunk(
    plain: Sequence[Candidate], fitting: Sequence[Candidate], seen: Mapping[str, str], limit: int
) -> list[Candidate]:
    against = {one.implant.pk: len(one.implant.contradictions(seen)) for one in plain}
    contradicted = [one for one in plain if against[one.implant.pk]]
    first = sum(one.rank <= CANDIDATES for one in contradicted)
    above = fitting[: limit - first]
    below = contradicted[: limit - len(above)]
    return [*above, *sorted(below, key=lambda one: against[one.implant.pk])]


def _ranked(one: Candidate, seen: Mapping[str, str], place: int | None) -> Ranked:
    return Ranked(
        one.implant,
        one.reference,
        one.similarity,
        one.encoder,
        place,
        one.implant.contradictions(seen),
        one.implant.agreements(seen),
    )


def _searched_by(finding: Finding) -> tuple[list[float], str]:
    """The finding's vector; of an older encoder it is made anew, and kept."""
    if finding.vector is not None and is_current(finding.encoder):
        return list(finding.vector), finding.encoder
    film = _read(finding.case_image).image
    picture = Box.of(finding.box).cut(film) if finding.box else film
    encoder = get_encoder()
    vector = encoder.encode([picture])[0].tolist()
    # Not if it was moved or erased meanwhile.
    unchanged = Finding.objects.filter(pk=finding.pk, encoder=finding.encoder)
    unchanged.filter(case_image__case__status=Case.Status.PENDING).update(
        vector=vector, encoder=encoder.id
    )
    return vector, encoder.id


def _film(case_id: int, image_id: int) -> tuple[Case, CaseImage]:
    case = Case.objects.get(pk=case_id)
    check_status(case, Case.Status.PENDING)
    image = case.images.filter(pk=image_id).first()
    if image is None or not image.is_readable:
        raise ReviewError(_("The case has no such film, or it cannot be read."))
    return case, image


def _read(image: CaseImage) -> Radiograph:
    try:
        with image.file.open("rb") as file:
            return radiograph.load(file.read())
    except (RadiographError, ValueError, *STORAGE_ERRORS) as error:
        raise ReviewError(_("The film cannot be read now. Please try again.")) from error


def _locked(case_id: int) -> Case:
    case = Case.objects.select_for_update().get(pk=case_id)
    check_status(case, Case.Status.PENDING)
    return case


def _check_film(image: CaseImage) -> None:
    if not CaseImage.objects.filter(pk=image.pk, file=image.file.name).exists():
        raise _moved()


def _finding(case_id: int, finding_id: int) -> Finding:
    findings = Finding.objects.filter(case_image__case_id=case_id)
    finding = findings.filter(pk=finding_id).first()
    if finding is None:
        raise StateConflict(_("This fixture is not marked any more. Look at the case again."))
    return finding


def _check_untouched(case: Case, finding_id: int, *, since: int, by: User) -> None:
    moves = case.events.filter(what=CaseEvent.What.FIXTURE_MARKED, details__finding=finding_id)
    if moves.filter(pk__gt=since).exclude(actor=by).exists():
        raise _moved()


def _moved() -> StateConflict:
    return StateConflict(_("Somebody else has just changed the marks of this film. Look again."))


def _target(image: CaseImage, box: Box, finding_id: int | None) -> Finding:
    """The finding that gets the box. The lock of the case is held."""
    if finding_id is not None:
        return _on_film(image, finding_id)
    findings = list(image.findings.all())
    for finding in findings:
        if finding.box == box.as_json() or (finding.box is None and len(findings) == 1):
            return finding
    if len(findings) >= FIXTURES_PER_FILM:
        raise ReviewError(
            _("At most %(limit)d fixtures can be marked on one film.")
            % {"limit": FIXTURES_PER_FILM}
        )
    return Finding(case_image=image)


def _on_film(image: CaseImage, finding_id: int) -> Finding:
    finding = _finding(image.case_id, finding_id)
    if finding.case_image_id != image.pk:
        raise ReviewError(_("The case has no such finding."))
    return finding


def _settle(case: Case, what: CaseEvent.What, finding_id: int, by: User) -> None:
    case.band = candidates.band_of(case)
    case.save(update_fields=["band", "updated_at"])
    case.record(what, actor=by, finding=finding_id)
