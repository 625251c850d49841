"""A reviewer's word about a film as such: that it was taken at an angle.

No measurement on one film tells it. About 10° are fine; at 20° threads and collar are not to be
recognised any more, so that the comparison is worth less than it says.
"""

from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext as _

from cases import candidates
from cases.models import Case, CaseImage
from cases.verdicts import ReviewError, check_status

# Beside the codes of `matching.quality` in `CaseImage.doubts`.
TILTED = "tilted"


def is_tilted(image: CaseImage) -> bool:
    return TILTED in (image.doubts or ())


def say(*, case_id: int, image_id: int, is_tilted: bool) -> None:
    """Say whether a film is tilted, which lowers the bands of its fixtures.

    Raises ReviewError for no such film, StateConflict when the case does not await review,
    Case.DoesNotExist.
    """
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_id)
        check_status(case, Case.Status.PENDING)
        image = case.images.filter(pk=image_id).first()
        if image is None:
            raise ReviewError(_("The case has no such film, or it cannot be read."))
        image.doubts = with_word(image.doubts or (), is_tilted=is_tilted)
        image.save(update_fields=["doubts"])
        for finding in image.findings.prefetch_related("results"):
            finding.band = candidates.rated(finding, image.doubts)
            finding.save(update_fields=["band"])
        case.band = candidates.band_of(case)
        case.save(update_fields=["band", "updated_at"])


def with_word(doubts: Iterable[str], *, is_tilted: bool) -> list[str]:
    """Codes of doubts, with or without that of the reviewer."""
    others = [code for code in doubts if code != TILTED]
    return [*others, TILTED] if is_tilted else others
