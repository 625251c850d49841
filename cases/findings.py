"""The fixtures that a reviewer marks on a film, and what each is searched by."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _
from PIL import Image

from cases import candidates, films, tilted
from cases.models import Case, CaseEvent, CaseImage, Finding
from cases.verdicts import ReviewError, StateConflict, check_status, is_marked
from matching.boxes import Box
from matching.finding.geometry import covered
from matching.matcher import Match, look_up
from matching.seeing import doubts_of

FIXTURES_PER_FILM = 12
# A box drawn over so much of the finder's (of the smaller of both) is of the same fixture: those
# of neighbours hardly touch.
SAME_FIXTURE = 0.5


def mark(
    *, case_id: int, image_id: int, box: Box, by: User, finding_id: int | None = None
) -> Finding:
    """Put a box around a fixture, and search by what it shows at once.

    Without `finding_id` the fixture is a new one, unless the box is drawn over one of the
    finder's, which moves there; a film on which nothing was found has one finding, the whole
    film, which becomes it. The same box again is the same fixture. Marks of two reviewers may
    come together: the later one stands, unless it would move what the other one has just moved.
    Raises BoxError, ReviewError (no such film, or it cannot be read; too many fixtures),
    StateConflict (the case does not await review, or somebody else moved or removed this mark
    meanwhile), EncoderError, CatalogueNotSearchable.
    """
    case, image = _film(case_id, image_id)
    box.check(image.width or 0, image.height or 0)
    last = case.events.order_by("-pk").values_list("pk", flat=True).first()
    film = films.stored(image).image
    others = [Box.of(one.box) for one in image.findings.all() if one.box and one.pk != finding_id]
    doubts = _doubts(image, film, [box, *others])
    found = look_up(film, box=box, doubts=doubts)
    with transaction.atomic():
        case = _locked(case_id)
        _check_film(image)
        if finding_id is not None:
            _check_untouched(case, finding_id, since=last or 0, by=by)
        finding = _target(image, box, finding_id)
        _place(finding, box, found, doubts)
        _settle(case, CaseEvent.What.FIXTURE_MARKED, finding.pk, by)
    return finding


def remove(*, case_id: int, finding_id: int, by: User) -> None:
    """Take the mark of a fixture away, a person's or the finder's; the last one of a film leaves
    the whole film, which is searched by again. Nothing happens where the finding is the whole
    film already.

    Raises ReviewError, StateConflict, EncoderError, CatalogueNotSearchable as `mark`.
    """
    image_id = _finding(case_id, finding_id).case_image_id
    _case, image = _film(case_id, image_id)
    is_last = image.findings.count() == 1
    film = films.stored(image).image if is_last else None
    doubts = _doubts(image, film, []) if film else []
    found = look_up(film, doubts=doubts) if film else None
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
            _place(finding, None, found, doubts)
        _settle(case, CaseEvent.What.FIXTURE_REMOVED, finding_id, by)


def _film(case_id: int, image_id: int) -> tuple[Case, CaseImage]:
    case = Case.objects.get(pk=case_id)
    check_status(case, Case.Status.PENDING)
    image = case.images.filter(pk=image_id).first()
    if image is None or not image.is_readable:
        raise ReviewError(_("The case has no such film, or it cannot be read."))
    return case, image


def _place(finding: Finding, box: Box | None, found: Match, doubts: list[str]) -> None:
    """Where a person says that the fixture is; the whole film where nothing is left of it."""
    by = Finding.ProposedBy.PERSON if box else Finding.ProposedBy.FINDER
    finding.box, finding.proposed_by = box.as_json() if box else None, by
    finding.found_score = None
    candidates.keep(finding, found)
    CaseImage.objects.filter(pk=finding.case_image_id).update(doubts=doubts)


def _doubts(image: CaseImage, film: Image.Image, boxes: Sequence[Box]) -> list[str]:
    measured = doubts_of(film, boxes)
    return tilted.with_word(measured, is_tilted=tilted.is_tilted(image))


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
    proposed = [(_covered(one, box), -one.pk, one) for one in findings if not is_marked(one)]
    share, _first, nearest = max(proposed, default=(0.0, 0, None))
    if nearest is not None and share >= SAME_FIXTURE:
        return nearest
    if len(findings) >= FIXTURES_PER_FILM:
        raise ReviewError(
            _("At most %(limit)d fixtures can be marked on one film.")
            % {"limit": FIXTURES_PER_FILM}
        )
    return Finding(case_image=image)


def _covered(finding: Finding, box: Box) -> float:
    return covered(Box.of(finding.box), box) if finding.box else 0.0


def _on_film(image: CaseImage, finding_id: int) -> Finding:
    finding = _finding(image.case_id, finding_id)
    if finding.case_image_id != image.pk:
        raise ReviewError(_("The case has no such finding."))
    return finding


def _settle(case: Case, what: CaseEvent.What, finding_id: int, by: User) -> None:
    case.band = candidates.band_of(case)
    case.save(update_fields=["band", "updated_at"])
    case.record(what, actor=by, finding=finding_id)
