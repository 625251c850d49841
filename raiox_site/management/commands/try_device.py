import time
from itertools import islice
from typing import Any

import numpy as np
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from PIL import Image

from implants.catalogue import demo_catalogue
from matching.demo import reference_film
from matching.encoder import ClipEncoder, EncoderError, Vector, make_encoder
from matching.normalisation import normalise

PICTURES = 32
SAME = 0.9999


class Command(BaseCommand):
    help = (
        "Tries whether a GPU encodes as the processor does: hosts with and without one share a"
        " catalogue. Ends with 1 when the vectors differ, or when there is no GPU."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        films = [reference_film(facts, 0).image for facts in islice(demo_catalogue(), PICTURES)]
        pictures = [normalise(film, None) for film in films]
        vectors: list[Vector] = []
        for device in ("cpu", "cuda"):
            settings.RAIOX_DEVICE = device
            encoder = make_encoder(settings.RAIOX_ENCODER)
            try:
                encoder.load()
            except EncoderError as error:
                raise CommandError(str(error)) from error
            vectors.append(self._encoded(encoder, pictures, device))
        # Of vectors of length 1.
        cosines = np.sum(vectors[0] * vectors[1], axis=1)
        self.stdout.write(f"smallest cosine of the same film on both: {cosines.min():.6f}")
        if cosines.min() < SAME:
            raise CommandError("The vectors differ: do not mix these hosts.")

    def _encoded(self, encoder: ClipEncoder, pictures: list[Image.Image], device: str) -> Vector:
        encoder.encode(pictures[:1])
        begun = time.monotonic()
        vectors = encoder.encode(pictures)
        each = 1000 * (time.monotonic() - begun) / len(pictures)
        self.stdout.write(f"{device}: {each:.1f} ms a film")
        return vectors
