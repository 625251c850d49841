"""What of a reviewed film may become a reference: one marked fixture, upright, and no more."""

import logging
from dataclasses import replace

from django.utils.translation import gettext as _

from cases.models import Finding, ReferenceProposal
from cases.verdicts import ReviewError
from implants.models import ReferenceImage
from implants.storage import STORAGE_ERRORS
from matching import compared, normalisation, radiograph
from matching.boxes import Box, BoxError
from matching.encoder import ClipEncoder, Vector
from matching.radiograph import Radiograph, RadiographError

log = logging.getLogger(__name__)


def picture(finding: Finding) -> bytes:
    """The fixture upright with the margin that the comparison looks at, a greyscale JPEG
    without metadata. Raises ReviewError when it cannot be made, or no fixture is marked: a
    whole film may name somebody, and would outlive its case."""
    box = box_of(finding)
    image = finding.case_image
    if not image.is_readable:
        raise ReviewError(film_gone())
    try:
        with image.file.open("rb") as file:
            film = radiograph.load(file.read())
        return _cut(film, box)
    except (RadiographError, BoxError) as error:
        raise ReviewError(str(error)) from error
    except FileNotFoundError as error:
        raise ReviewError(film_gone()) from error
    except STORAGE_ERRORS as error:
        log.exception("the film of finding %s could not be read", finding.pk)
        raise ReviewError(_("The image storage did not answer. Please try again.")) from error


def box_of(finding: Finding) -> Box:
    """Raises ReviewError where the film as a whole was looked at."""
    if not finding.box:
        raise ReviewError(
            _("Mark the fixture on the film first: only its crop may become a reference.")
        )
    return Box.of(finding.box)


def film_gone() -> str:
    return _("The film is not there any more.")


def film_of(content: bytes) -> Radiograph:
    """Raises ReviewError, also where nobody is free to read it now."""
    try:
        return radiograph.load(content)
    except RadiographError as error:
        raise ReviewError(str(error)) from error


def as_reference(proposal: ReferenceProposal, film: Radiograph) -> ReferenceImage:
    """The reference that a picture (from `picture`) would be; not saved, without its file."""
    modality = proposal.finding.case_image.modality
    return ReferenceImage(
        implant=proposal.implant,
        sha256=film.sha256,
        width=film.width,
        height=film.height,
        modality=modality if modality in ReferenceImage.Modality.values else "",
        crop=_crop(proposal.finding, film),
        provenance=ReferenceImage.Provenance.CASE,
        note=_("Taken over from a reviewed film."),
    )


def vector(proposal: ReferenceProposal, content: bytes, encoder: ClipEncoder) -> Vector:
    """What the reference would be compared by, of shape (512,). Raises EncoderError,
    ReviewError."""
    film = film_of(content)
    try:
        seen = compared.shown(as_reference(proposal, film), film)
    except BoxError as error:
        raise ReviewError(str(error)) from error
    return encoder.encode([seen])[0]


def _cut(film: Radiograph, box: Box) -> bytes:
    """Raises RadiographError when what is cut out could not be searched."""
    margin = 2 * normalisation.MARGIN * box.height
    wide = replace(box, width=box.width + margin, height=box.height + margin)
    cut = Radiograph(wide.cut(film.image, margin=0.0), "").clean_copy()
    radiograph.load(cut)
    return cut


def _crop(finding: Finding, cut: Radiograph) -> dict[str, float]:
    """Where the fixture lies on the picture that was cut out: in its middle, upright."""
    box = box_of(finding)
    return Box(cut.width / 2, cut.height / 2, box.width, box.height).as_json()
