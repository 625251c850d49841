"""Boxes around the fixtures of a film, proposed by a small network trained on made-up films.

`manage.py measure_finder` says what it reaches, `manage.py train_finder` trains it anew. Films
of patients were never part of either, and a negative (metal dark) is not understood: a person
confirms or moves every box. The network is no part of the encoder's id: it says where to look,
not what is seen.
"""

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from matching import measured
from matching.boxes import Box, BoxError
from matching.finding import picture, refining, votes
from matching.finding.geometry import scaled
from matching.runtime import networks

if TYPE_CHECKING:
    from matching.finding.network import FinderNetwork

log = logging.getLogger(__name__)

WEIGHTS = Path(__file__).parent / "weights" / "finder.safetensors"
# A panoramic film may show a fixture in the place of every other tooth.
PROPOSALS = 12
# As many of the first guesses get a closer look.
LOOKED_AT = 20
# Below these a box is more often wrong than right on phantoms of level "clinic".
LEAST_SCORE, LEAST_SURE = 0.4, 0.5


@dataclass(frozen=True)
class Found:
    """A box in pixels of the film, and how sure the finder is of it, 0…1 (no probability)."""

    box: Box
    score: float


def find(image: Image.Image) -> list[Found]:
    """At most PROPOSALS fixtures of the film `image` (mode L), the surest first.

    Empty where nothing looks like a fixture; a film that it stumbles over is logged and gets
    none. The network is loaded at the first call: never before a fork.
    """
    return look(image) or []


def look(image: Image.Image) -> list[Found] | None:
    """As `find`; None where it stumbled, which says nothing of the film."""
    import cv2

    try:
        with measured.stage(measured.Stage.FIND):
            return _find(image)
    except (cv2.error, ArithmeticError, LookupError, OSError, RuntimeError, ValueError):
        log.exception("no box could be proposed for a film of %d × %d pixels", *image.size)
        return None


def propose(image: Image.Image) -> list[Box]:
    """The boxes that `find` finds, the surest first."""
    return [found.box for found in find(image)]


def best(image: Image.Image) -> Box | None:
    """The box that the finder is surest of, if there is any."""
    return next(iter(propose(image)), None)


def guesses(image: Image.Image, *, least: float) -> list[tuple[Box, float]]:
    """What may be a fixture at first sight, with a score of at least `least`, best first."""
    rated = [
        (scaled(box, 1 / factor), score)
        for grey, factor in picture.copies(image)
        for box, score in votes.boxes(_answer(grey))
        if score >= least
    ]
    return [pair for pair in votes.without_doubles(rated) if _fits(pair[0], image)]


def _find(image: Image.Image) -> list[Found]:
    seen = guesses(image, least=LEAST_SCORE)[:LOOKED_AT]
    closer = refining.refined(image, [box for box, _score in seen])
    exact = [
        (_near(image, box, new), math.sqrt(score * sure))
        for (box, score), (new, sure) in zip(seen, closer, strict=True)
        if sure >= LEAST_SURE
    ]
    return [Found(*pair) for pair in votes.without_doubles(exact)[:PROPOSALS]]


def _near(image: Image.Image, box: Box, new: Box) -> Box:
    """The new box; the one before where the closer look went astray."""
    has_strayed = math.hypot(new.x - box.x, new.y - box.y) > box.height / 2
    return box if has_strayed or not _fits(new, image) else new


def _answer(grey: picture.Array) -> picture.Array:
    """The network's answer for one grey copy, (7, rows / 4, columns / 4)."""
    answer: picture.Array = NETWORK(picture.padded(picture.standardised(grey))[None])[0]
    return answer


def _fits(box: Box, image: Image.Image) -> bool:
    try:
        box.check(*image.size)
    except BoxError:
        return False
    return True


def load(weights: Path) -> "FinderNetwork":
    """The network with the weights of a file, ready to answer. OSError or RuntimeError for a
    file that is not there or holds something else."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from matching.finding.network import FinderNetwork, laid_out

    network = FinderNetwork()
    try:
        network.load_state_dict(load_file(weights))
    except SafetensorError as error:
        raise RuntimeError(f"{weights.name} holds no weights") from error
    return laid_out(network.eval().requires_grad_(False))


NETWORK = networks.Own("finder", weights=WEIGHTS, in_torch=load)
