"""What is doubtful about a film, so that somebody looks at it again: of references and queries.

Doubts never keep a film from being searched or found: each is a measurement with a limit that
is written down here, and a person decides.
"""

import math
from collections.abc import Iterable, Sequence

from django.utils.translation import gettext as _
from PIL import Image

from implants.models import Implant, ReferenceImage
from implants.reference_state import Doubt
from matching import alike, compared, greys, twins
from matching.boxes import Box, BoxError
from matching.encoder import Vector
from matching.radiograph import Radiograph

# Fixtures of 50 to 200 pixels cannot tell sister lines apart (sides of crops in the notes of a
# published matcher). A usual fixture is three times as long as wide; a short one may have fewer
# pixels from platform to apex and as many across.
SMALL_LONG_SIDE = 200
SMALL_WIDTH = 60
# Of a film on which no fixture was found, and which is compared as a whole.
SMALL_FILM = 400
# Grey levels between the darkest and the brightest twentieth.
LOW_CONTRAST = 40
# Pixels along the fixture that are enough to tell so.
CONTRAST_SIDE = 320
# How far the box around a fixture may be from its catalogue length : diameter. A box drawn by
# hand and a tilted film are within it.
PROPORTION = 1.6


def film_doubts(image: Image.Image, boxes: Sequence[Box]) -> list[str]:
    """What a film (mode L) with fixtures in these boxes, the best one first, tells of itself:
    values of Doubt, maybe none. Without boxes the film is judged as a whole.

    That there are several fixtures is no fault of the film: it is to be said which one is meant.
    """
    found = []
    if _is_small(image, boxes):
        found.append(Doubt.TOO_SMALL)
    # Another picture than a film has no grain of a film.
    if greys.may_be_no_radiograph(image):
        found.append(Doubt.NOT_RADIOGRAPH)
    elif greys.is_stretched(image):
        found.append(Doubt.STRETCHED)
    shown = boxes[0].cut(image, most=CONTRAST_SIDE) if boxes else image
    if greys.grey_range(shown) < LOW_CONTRAST:
        found.append(Doubt.LOW_CONTRAST)
    if len(boxes) > 1:
        found.append(Doubt.SEVERAL_FIXTURES)
    return [str(doubt) for doubt in found]


def in_words(codes: Iterable[str]) -> list[str]:
    """A sentence for each doubt about a film that somebody sent; nothing for unknown codes."""
    sentences = {
        Doubt.NOT_RADIOGRAPH: _("This may not be a radiograph."),
        Doubt.TOO_SMALL: _(
            "The fixture has few pixels: lines that look alike cannot be told apart on it."
        ),
        Doubt.STRETCHED: _("The film looks stretched: its proportions cannot be trusted."),
        Doubt.LOW_CONTRAST: _("The film has almost no contrast."),
        Doubt.SEVERAL_FIXTURES: _("There are several fixtures on the film: say which is meant."),
    }
    return [sentences[Doubt(code)] for code in codes if code in set(map(str, sentences))]


def check(
    *,
    reference_id: int,
    film: Radiograph,
    vector: Vector | Sequence[float],
    boxes: Sequence[Box] | None = None,
) -> None:
    """Write size, warnings and twin of one reference whose vector of shape (512,) is stored,
    and what changes for its twins.

    `film` is the whole film, `boxes` those of `matching.compared` where they are known already.
    A reference that is gone is left alone.
    """
    reference = ReferenceImage.objects.select_related("implant").filter(pk=reference_id).first()
    if reference is None:
        return
    boxes = _boxes(reference, film) if boxes is None else boxes
    found = reference_doubts(film.image, boxes, reference)
    near = alike.find_twins(reference, film.image, vector)
    twins.link(reference_id=reference_id, warnings=found, alike=near)
    size = {"width": film.width, "height": film.height}
    ReferenceImage.objects.filter(pk=reference_id).update(**size)


def reference_doubts(
    image: Image.Image, boxes: Sequence[Box], reference: ReferenceImage
) -> list[str]:
    """Those of the film, and whether a box that somebody drew fits the implant."""
    found = film_doubts(image, boxes)
    is_off = bool(reference.crop and boxes) and is_out_of_proportion(boxes[0], reference.implant)
    return found if not is_off or Doubt.STRETCHED in found else [*found, str(Doubt.STRETCHED)]


def is_out_of_proportion(box: Box, implant: Implant) -> bool:
    if not implant.diameter_mm or not implant.length_mm:
        return False
    wanted = float(implant.length_mm) / float(implant.diameter_mm)
    return abs(math.log(box.height / box.width / wanted)) > math.log(PROPORTION)


def _boxes(reference: ReferenceImage, film: Radiograph) -> list[Box]:
    try:
        return compared.boxes_on(reference, film)
    except BoxError:
        return []


def _is_small(image: Image.Image, boxes: Sequence[Box]) -> bool:
    if not boxes:
        return max(image.size) < SMALL_FILM
    return boxes[0].height < SMALL_LONG_SIDE and boxes[0].width < SMALL_WIDTH
