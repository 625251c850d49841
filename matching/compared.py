"""What of a reference film is compared: the same for the search, its checks and people."""

import numpy as np
from PIL import Image

from implants.models import ReferenceImage
from matching import finder
from matching.boxes import Box
from matching.normalisation import normalise
from matching.radiograph import Radiograph

# A second box tells of a second fixture only where the finder is so sure of it: its lesser
# proposals are for a person to look at.
SURE = 0.55


def boxes_on(reference: ReferenceImage, film: Radiograph) -> list[Box]:
    """The box that somebody drew around the fixture; without one those that the finder proposes,
    the best first, maybe none. Raises BoxError for a crop that does not lie on the film."""
    if not reference.crop:
        found = finder.find(film.image)
        return [one.box for place, one in enumerate(found) if not place or one.score >= SURE]
    box = Box.of(reference.crop)
    box.check(film.width, film.height)
    return [box]


def shown(reference: ReferenceImage, film: Radiograph) -> Image.Image:
    """What of the film is compared, normalised. Raises BoxError as `boxes_on`."""
    return picture(reference, film, boxes_on(reference, film))


def picture(reference: ReferenceImage, film: Radiograph, boxes: list[Box]) -> Image.Image:
    """The fixture in the first of the boxes, normalised; without any the whole film, turned
    clockwise by the reference's rotation (a box has an angle of its own)."""
    if boxes:
        return normalise(film.image, boxes[0])
    return normalise(_turned(film.image, reference.rotation_deg), None)


def what_it_shows(reference: ReferenceImage) -> tuple[object, ...]:
    """All that the vectors of a reference depend on, but for encoder and finder."""
    return str(reference.file.name), reference.crop or None, reference.rotation_deg


def _turned(film: Image.Image, degrees: float) -> Image.Image:
    if not degrees:
        return film
    mean = round(float(np.asarray(film).mean()))
    return film.rotate(-degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=mean)
