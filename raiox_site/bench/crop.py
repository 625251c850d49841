"""From a box that a reviewer draws around a fixture to its new candidates on the page."""

from collections.abc import Callable
from itertools import count
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse

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


def run(*, times: int, reviewer: User, say: Callable[[str], Any]) -> list[Measured]:
    """Mark a fixture on a phantom film `times` times, a little elsewhere each time.

    Raises NotAnswered when the film is not matched or a box is refused.
    """
    film = _film(implant=Implant.objects.earliest("pk"))
    say(f"encoder {get_encoder().id}, film of {film.width} × {film.height} pixels")
    client, number = timing.client_of(reviewer), count()

    def request() -> HttpResponseBase:
        return _mark(client, film, next(number))

    return [timing.measure("box → new candidates", request, times=times)]


def _film(*, implant: Implant) -> CaseImage:
    content = phantom_jpeg(implant, seed=SEED, difficulty="clinic")
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


def _mark(client: Client, film: CaseImage, number: int) -> HttpResponseBase:
    """No box comes twice: what was searched once must not answer for it."""
    box = Box(
        x=(film.width or 0) / 2 + number / 10,
        y=(film.height or 0) / 2,
        width=(film.width or 0) / 4,
        height=(film.height or 0) / 2,
    )
    finding = Finding.objects.get(case_image=film)
    values = {f"box-{film.pk}-{name}": str(value) for name, value in box.as_json().items()}
    return client.post(
        reverse("admin:cases_case_mark", args=[film.case_id]),
        {**values, "image": film.pk, "finding": finding.pk, "piece": "1"},
    )
