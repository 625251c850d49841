"""From a box that a reviewer draws around a fixture to its new candidates on the page."""

import io
from collections.abc import Callable
from itertools import count
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse
from PIL import Image

from cases import intake
from cases.films import IncomingImage
from cases.models import Case, CaseImage, Finding
from implants.models import Implant
from matching.boxes import Box
from matching.encoder import get_encoder
from matching.phantoms import phantom_jpeg
from raiox_site.bench import timing
from raiox_site.bench.timing import Measured, NotAnswered

TARGET_MS = 1000
SEED = 4711
# A phantom so many times as wide and as high: 22 of the 25 million pixels that a film may have.
LARGE = 6


def run(*, times: int, reviewer: User, say: Callable[[str], Any]) -> list[Measured]:
    """Mark a fixture on a phantom film `times` times, a little elsewhere each time: on one of
    the usual size, and on one that is about as large as a film may be.

    Raises NotAnswered when a film is not matched or a box is refused.
    """
    say(f"encoder {get_encoder().id}")
    client = timing.client_of(reviewer)
    small = phantom_jpeg(Implant.objects.earliest("pk"), seed=SEED, difficulty="clinic")
    films = [_film(content) for content in (small, _enlarged(small))]
    return [_measure(client, film, times=times) for film in films]


def _enlarged(content: bytes) -> bytes:
    film = Image.open(io.BytesIO(content))
    size = film.width * LARGE, film.height * LARGE
    buffer = io.BytesIO()
    film.resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _film(content: bytes) -> CaseImage:
    received = intake.receive(
        source=Case.Source.UPLOAD,
        images=[IncomingImage(content=content)],
        person=intake.Person(dentist_name="Dra. Exemplo", patient_name="Fantoma", tooth=36),
        run_inline=True,
    )
    case = intake.process(case_id=received.case.pk)
    if not case.is_awaiting_review:
        raise NotAnswered(f"the film was not matched: {case.failure}")
    return case.images.get()


def _measure(client: Client, film: CaseImage, *, times: int) -> Measured:
    number = count()
    name = f"box → new candidates, film of {film.width} × {film.height}"
    return timing.measure(name, lambda: _mark(client, film, next(number)), times=times)


def _mark(client: Client, film: CaseImage, number: int) -> HttpResponseBase:
    """No box comes twice: what was searched once must not answer for it."""
    box = Box(
        x=(film.width or 0) / 2 + number / 10,
        y=(film.height or 0) / 2,
        width=(film.width or 0) / 4,
        height=(film.height or 0) / 2,
    )
    finding = Finding.objects.filter(case_image=film).earliest("pk")
    values = {f"box-{film.pk}-{name}": str(value) for name, value in box.as_json().items()}
    return client.post(
        reverse("admin:cases_case_mark", args=[film.case_id]),
        {**values, "image": film.pk, "finding": finding.pk, "piece": "1"},
    )
