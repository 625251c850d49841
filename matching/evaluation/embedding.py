"""From labelled films to vectors: each film is read once and seen by all variants."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from PIL import Image

from matching import finder
from matching.boxes import Box
from matching.encoder import DIMENSIONS, ClipEncoder, Vector
from matching.evaluation.folder import reason_of
from matching.evaluation.labelled import LabelledFilm, Part, Skipped
from matching.finding.geometry import overlap
from matching.normalisation import ALL, Steps, normalise
from matching.radiograph import RadiographError

Array = np.ndarray[Any, Any]

CHUNK = 16
# Side, in pixels, of the small copy by which a film is known again.
SMALL = 32
# Intersection over union from which on a box stands for a fixture.
FOUND = 0.5
NORMALISATIONS: dict[str, Steps] = {"fixture": ALL, "whole": Steps(crop=False)}


@dataclass(frozen=True)
class Variant:
    """One way from a film to a vector: an encoder, and what its pictures went through."""

    encoder: ClipEncoder
    normalisation: str = "fixture"
    steps: Steps = ALL


@dataclass(frozen=True)
class Place:
    """The box that was cut out of a film (None: all of it), and whether the finder found the
    fixture: proposed a box, and where it is known to lie one that shares FOUND with that
    (intersection over union). None where it was not asked."""

    box: Box | None
    is_found: bool | None


@dataclass(frozen=True)
class Embedded:
    """Films (n), where their fixtures are, and for each variant vectors (n, 512).

    `small` (n, SMALL * SMALL) are the films' grey values, by which a film is known again.
    """

    films: list[LabelledFilm]
    places: list[Place]
    vectors: list[Vector]
    small: Array
    skipped: list[Skipped]


def embed(
    films: Iterable[LabelledFilm], variants: Sequence[Variant], *, is_found: bool = True
) -> Embedded:
    """The films that can be read, with a vector for each variant; the others are skipped.

    Fixtures are cut out where the finder finds them; without `is_found` where they are known
    to lie. Raises EncoderError when an encoder cannot be loaded.
    """
    done = Embedded([], [], [], np.empty((0, SMALL * SMALL), np.float32), [])
    chunks: list[list[Vector]] = [[] for _ in variants]
    small: list[Array] = [done.small]
    stream = iter(films)
    while chunk := list(islice(stream, CHUNK)):
        images = list(_readable(chunk, done))
        places = [
            place_of(image, film) if is_found else Place(film.box, None) for film, image in images
        ]
        done.places.extend(places)
        small += [_small(image) for _film, image in images]
        for variant, vectors in zip(variants, chunks, strict=True):
            vectors.append(variant.encoder.encode(_pictures(images, places, variant)))
    vectors = [
        np.concatenate(parts) if parts else np.empty((0, DIMENSIONS), np.float32)
        for parts in chunks
    ]
    return Embedded(done.films, done.places, vectors, np.concatenate(small), done.skipped)


def place_of(image: Image.Image, film: LabelledFilm) -> Place:
    """Where the matcher looks: at the box that a curator drew on a reference; else at the
    finder's best one, or where the fixture is known to lie at its box that shares most with
    the known one: of several fixtures a person chooses the one that is meant."""
    if film.box is not None and film.part is Part.REFERENCE:
        return Place(film.box, None)
    boxes = finder.propose(image)
    if film.box is None or not boxes:
        return Place(boxes[0] if boxes else None, bool(boxes))
    overlaps = [overlap(box, film.box) for box in boxes]
    best = int(np.argmax(overlaps))
    return Place(boxes[best], overlaps[best] >= FOUND)


def _readable(
    films: Sequence[LabelledFilm], done: Embedded
) -> Iterator[tuple[LabelledFilm, Image.Image]]:
    for film in films:
        try:
            image = film.read()
        except (RadiographError, OSError) as error:
            done.skipped.append(Skipped(film.name, reason_of(error)))
            continue
        done.films.append(film)
        yield film, image


def _pictures(
    images: Sequence[tuple[LabelledFilm, Image.Image]], places: Sequence[Place], variant: Variant
) -> list[Image.Image]:
    return [
        normalise(image, place.box, steps=variant.steps)
        for (_film, image), place in zip(images, places, strict=True)
    ]


def _small(image: Image.Image) -> Array:
    small = image.resize((SMALL, SMALL), Image.Resampling.BOX)
    return np.asarray(small, np.float32).reshape(1, -1)
