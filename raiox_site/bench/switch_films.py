"""Many references with vectors of one encoder, and films to look up: for `bench switch`."""

import io
from collections.abc import Iterator
from dataclasses import asdict, replace
from decimal import Decimal
from itertools import islice

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image

from implants.catalogue import CatalogueFacts, demo_catalogue
from implants.models import Implant, ReferenceImage
from matching.boxes import Box
from matching.encoder import ready_encoder
from matching.indexing import ORIGINAL
from matching.models import Embedding
from matching.normalisation import normalise
from matching.phantoms import Phantom, as_jpeg, render_film
from matching.radiograph import digest

# Coarse films are quick to draw and to read; nothing here depends on their skill.
PIXELS_PER_MM = 8.0
# Every line of the demo catalogue in so many sizes, and so many films drawn of each.
SIZES = 6
DRAWN = 4
FIRST_QUERY_SEED = 100_000
# Around the fixture, in pixels of the film.
AROUND = 12
AT_ONCE = 200


def fill(references: int) -> None:
    """Write `references` films with a vector of the configured encoder each."""
    implants = _implants()
    pictures = _references(implants, references)
    encoder = ready_encoder()
    while batch := list(islice(pictures, AT_ONCE)):
        rows = ReferenceImage.objects.bulk_create(row for row, _picture in batch)
        vectors = encoder.encode([picture for _row, picture in batch])
        Embedding.objects.bulk_create(
            Embedding(
                reference_image=row, encoder=encoder.id, view=ORIGINAL, vector=vector.tolist()
            )
            for row, vector in zip(rows, vectors, strict=True)
        )


def queries(number: int) -> list[bytes]:
    """Whole films of other seeds, as clients send them."""
    lines = _facts()
    return [
        as_jpeg(_film(lines[place * 7 % len(lines)], FIRST_QUERY_SEED + place).image)
        for place in range(number)
    ]


def _facts() -> list[CatalogueFacts]:
    return [
        replace(line, diameter_mm=_grown(line.diameter_mm, size))
        for line in demo_catalogue()
        for size in range(SIZES)
    ]


def _grown(diameter: Decimal | None, size: int) -> Decimal:
    return (diameter or Decimal(4)) + Decimal("0.17") * size


def _implants() -> list[tuple[Implant, CatalogueFacts]]:
    facts = _facts()
    rows = Implant.objects.bulk_create(Implant(**asdict(one)) for one in facts)
    return list(zip(rows, facts, strict=True))


def _film(facts: CatalogueFacts, seed: int) -> Phantom:
    return render_film(facts, seed=seed, difficulty="clean", pixels_per_mm=PIXELS_PER_MM)


def _references(
    implants: list[tuple[Implant, CatalogueFacts]], number: int
) -> Iterator[tuple[ReferenceImage, Image.Image]]:
    """Rows that are not saved, their file stored, and what of it is compared."""
    each = -(-number // len(implants))
    made = (made for implant, facts in implants for made in _of_line(implant, facts, each))
    return islice(made, number)


def _of_line(
    implant: Implant, facts: CatalogueFacts, number: int
) -> Iterator[tuple[ReferenceImage, Image.Image]]:
    drawn = [_film(facts, seed) for seed in range(min(DRAWN, number))]
    for place in range(number):
        rng = np.random.default_rng((implant.pk, place))
        yield _reference(implant, drawn[place % len(drawn)], rng)


def _reference(
    implant: Implant, film: Phantom, rng: np.random.Generator
) -> tuple[ReferenceImage, Image.Image]:
    """One more film of the same fixture: other grain and brightness, and a box drawn anew."""
    window, box = _cut(film.image, film.fixtures[0].box)
    grey = np.asarray(window, dtype=np.float32) * rng.uniform(0.85, 1.1)
    noisy = np.clip(grey + rng.normal(0, 6, grey.shape), 0, 255).astype(np.uint8)
    content = as_jpeg(Image.fromarray(noisy))
    across, along, wide, high = rng.normal(0, 1.0, 4)
    box = replace(
        box,
        x=box.x + across,
        y=box.y + along,
        width=box.width + wide,
        height=box.height + high,
        angle=box.angle + rng.normal(0, 2.0),
    )
    name = default_storage.save("referencia/bench.jpg", ContentFile(content))
    row = ReferenceImage(
        implant=implant,
        file=name,
        thumbnail=name,
        sha256=digest(content),
        crop=box.as_json(),
        provenance=ReferenceImage.Provenance.PHANTOM,
        width=window.width,
        height=window.height,
        warnings=[],
    )
    stored = Image.open(io.BytesIO(content)).convert("L")
    return row, normalise(stored, Box.of(row.crop or {}))


def _cut(film: Image.Image, box: Box) -> tuple[Image.Image, Box]:
    """The part of the film around the fixture, and the box there."""
    corners = np.array(box.corners())
    left, top = (max(int(value) - AROUND, 0) for value in corners.min(axis=0))
    right, bottom = (int(value) + AROUND for value in corners.max(axis=0))
    window = film.crop((left, top, min(right, film.width), min(bottom, film.height)))
    return window, replace(box, x=box.x - left, y=box.y - top)
