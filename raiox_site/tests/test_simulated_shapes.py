"""`simulate_webhook` against the real processes: every shape, repeated, edited, all at once."""

import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from cases.models import Case, Finding
from integrations.jotform.simulation.shapes import SHAPES
from integrations.jotform.simulation.simulator import SimulatedSubmission
from integrations.models import JotformDelivery
from raiox_site import running
from raiox_site.running import wait_for

PLAIN = SimulatedSubmission("6200000000000000001")
# They ask for it: their cases wait.
WITHOUT_CONSENT = ("consent-refused", "unanswered")

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_shape_becomes_one_case_with_the_last_answers(
    catalogue: list[Any], film: Callable[..., bytes], private_media: Path, tmp_path: Path
) -> None:
    variables = running.environment(
        private_media, RAIOX_WEBHOOK_TOKEN="s3cret", JF_SECRET="k3y", JOTFORM_API_KEY=""
    )
    image = tmp_path / "radiografia.jpg"
    image.write_bytes(film())
    log = tmp_path / "processes.log"
    with running.web(variables, log) as base, running.worker(variables, log):
        call_command(
            "simulate_webhook",
            image=str(image),
            api=base,
            shape="all",
            token="s3cret",
            secret="k3y",
            edit=["tooth=27"],
            repeat=2,
            shuffle=True,
            parallel=4,
            stdout=io.StringIO(),
        )
        cases = len(SHAPES) - 1
        matched = cases - len(WITHOUT_CONSENT)
        wait_for(lambda: Case.objects.filter(status="pending").count() == matched, 120)

    assert Case.objects.count() == cases
    waiting = Case.objects.awaiting_consent()
    assert waiting.count() == len(WITHOUT_CONSENT)
    assert not Finding.objects.filter(case_image__case__in=waiting).exists()
    assert JotformDelivery.objects.count() == len(SHAPES) * 4
    # Old requests do not say when they were sent: of those the last one to come is believed.
    timeless = sum(not shape.change(PLAIN).says_when for shape in SHAPES.values())
    teeth = Counter(Case.objects.values_list("tooth", flat=True))
    assert set(teeth) <= {26, 27}
    assert teeth[27] >= cases - timeless
    films = Counter(case.images.count() for case in Case.objects.all())
    assert films == {1: cases - 2, 2: 1, 3: 1}
