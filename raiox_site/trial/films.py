"""Small films for the trial, quickly drawn: a fixture with threads on grey."""

import io
from random import Random

from PIL import Image, ImageDraw

SIZE = (120, 200)


def drawn(seed: int) -> bytes:
    """A JPEG that is another one for each seed."""
    rng = Random(seed)  # noqa: S311 # nosec B311 # invented data, the same for a seed
    image = Image.new("L", SIZE, rng.randint(30, 60))
    draw = ImageDraw.Draw(image)
    left, top = rng.randint(30, 50), rng.randint(25, 50)
    width, bottom = rng.randint(20, 35), rng.randint(140, 175)
    draw.rectangle((left, top, left + width, bottom), fill=rng.randint(200, 245))
    for line in range(top, bottom, rng.randint(4, 9)):
        draw.line((left - 2, line, left + width + 2, line + 3), fill=rng.randint(110, 190))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    return buffer.getvalue()
