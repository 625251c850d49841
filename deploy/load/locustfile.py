"""The client's load test: a hundred people who send films to `/webhook` (JSON) and twice as often
to `/upload` (multipart), pausing for one to five seconds. It knows nothing of what answers.

    cd deploy/load
    python3 -m venv /tmp/locust && /tmp/locust/bin/pip install -r requirements.txt
    /tmp/locust/bin/locust --headless --host https://raiox.example.org

--host, or the form on http://localhost:8089 without --headless, is the instance. Everybody has the
same address here: for the test, the instance needs RAIOX_UPLOAD_RATE and RAIOX_WEBHOOK_RATE set to
nothing. `/webhook` is left out without --image-url (or RAIOX_LOAD_IMAGE_URL): a film that the
instance can fetch; it refuses private addresses but those in RAIOX_FETCH_ALLOW_HOSTS. `{n}` in it
becomes another number each time. `/upload` sends another film each time, of about 200 kB.
"""

import io
import logging
from argparse import ArgumentParser
from itertools import count
from typing import Any

import numpy as np
from locust import HttpUser, between, events, task
from PIL import Image, ImageDraw

HEIGHT, WIDTH = 1000, 800
GRAIN, QUALITY = 16, 88

log = logging.getLogger(__name__)
dice = np.random.default_rng()
serial = count(int(dice.integers(10**9)))
# Grain is dear to draw and cheap to move.
grain = dice.normal(0, GRAIN, (HEIGHT, WIDTH)).astype(np.float32)


@events.init_command_line_parser.add_listener
def add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--image-url",
        default="",
        env_var="RAIOX_LOAD_IMAGE_URL",
        help="a film for /webhook that the instance can fetch; {n} becomes another number",
    )


@events.test_start.add_listener
def say_what_is_left_out(environment: Any, **kwargs: Any) -> None:
    if not environment.parsed_options.image_url:
        log.warning("/webhook is left out: --image-url names no film that the instance can fetch.")


def film() -> bytes:
    """A JPEG of a fixture somewhere on a grainy film, unlike any before."""
    across = int(dice.integers(150, WIDTH - 250))
    down = int(dice.integers(100, HEIGHT - 600))
    picture = Image.new("L", (WIDTH, HEIGHT), 90)
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((across, down, across + 90, down + 420), 30, fill=225)
    for thread in range(down + 60, down + 400, 22):
        draw.polygon(
            [(across - 14, thread + 8), (across + 104, thread - 4), (across + 104, thread + 4)],
            fill=225,
        )
    moved = np.roll(grain, tuple(dice.integers(0, min(HEIGHT, WIDTH), 2)), axis=(0, 1))
    grey = np.clip(np.asarray(picture, np.float32) + moved, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


class Dentist(HttpUser):
    wait_time = between(1, 5)

    @task(1)
    def webhook(self) -> None:
        address = self.environment.parsed_options.image_url
        if not address:
            return
        number = next(serial)
        body = {
            "image_url": address.replace("{n}", str(number)),
            "client_id": f"load_test_{number}",
            "metadata": {"client_name": "Teste de Carga", "notes": "Simulação para teste de carga"},
        }
        self._check(self.client.post("/webhook", json=body, catch_response=True))

    @task(2)
    def upload(self) -> None:
        files = {"file": ("film.jpg", film(), "image/jpeg")}
        data = {"client_id": f"load_test_{next(serial)}"}
        self._check(self.client.post("/upload", files=files, data=data, catch_response=True))

    def _check(self, answer: Any) -> None:
        """Three implants or fewer, with how near they are; anything else is a failure."""
        with answer as response:
            if response.status_code != 200:
                response.failure(f"{response.status_code} {response.text[:120]}")
            elif not isinstance(response.json(), list):
                response.failure("no list of implants")
