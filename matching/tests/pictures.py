"""Films, and pictures that are none."""

import io
from dataclasses import replace
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from implants.catalogue import demo_catalogue
from matching.boxes import Box
from matching.phantoms import Phantom, render_film

FACTS = demo_catalogue()


@cache
def phantom(number: int = 0, seed: int = 0, difficulty: str = "clean") -> Phantom:
    return render_film(FACTS[number], seed=seed, difficulty=difficulty)


def smaller(box: Box, times: float) -> Box:
    return replace(
        box, x=box.x * times, y=box.y * times, width=box.width * times, height=box.height * times
    )


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("L")


def jpeg(image: Image.Image, quality: int = 85) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def resized(image: Image.Image, across: float, along: float, quality: int = 85) -> Image.Image:
    size = (round(image.width * across), round(image.height * along))
    return opened(jpeg(image.resize(size, Image.Resampling.BICUBIC), quality))


def page(paper: int = 255, ink: int = 0, light: float = 0) -> Image.Image:
    """Lines of writing; `light` (0…1) is how much darker the far corner of a photographed page
    is."""
    image = Image.new("L", (620, 877), paper)
    draw = ImageDraw.Draw(image)
    for line in range(30, 850, 14):
        draw.text((40, line), "paciente implante dente exame laudo data " * 2, fill=ink)
    down, across = np.mgrid[0:877, 0:620] / [[[877]], [[620]]]
    grain = np.random.default_rng(1).normal(0, 3 if light else 0, (877, 620))
    grey = np.asarray(image, dtype=np.float32) * (1 - light * down * across) + grain
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))


def screen(ground: int = 24) -> Image.Image:
    image = Image.new("L", (1280, 800), ground)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 220, 800), fill=ground + 20)
    for number in range(4):
        draw.rectangle((300 + 200 * number, 200, 440 + 200 * number, 600), fill=60 + 40 * number)
    return image


def drawing() -> Image.Image:
    """An implant as catalogues draw it."""
    image = Image.new("L", (500, 900), 255)
    draw = ImageDraw.Draw(image)
    draw.polygon([(170, 150), (330, 150), (300, 750), (200, 750)], fill=170, outline=0)
    for row in range(180, 740, 30):
        draw.line([(165, row), (335, row + 12)], fill=0, width=4)
    return image


def ramp() -> Image.Image:
    return Image.fromarray(np.tile(np.linspace(0, 255, 800), (600, 1)).astype(np.uint8))


def noise() -> Image.Image:
    grey = np.random.default_rng(0).integers(0, 255, (600, 600), dtype=np.uint8)
    return Image.fromarray(grey)


def clutter() -> Image.Image:
    """Amplitudes that fall with the frequency, as those of photographs full of detail do."""
    random = np.random.default_rng(0)
    across, down = np.meshgrid(np.fft.fftfreq(600), np.fft.fftfreq(600))
    frequency = np.hypot(across, down)
    frequency[0, 0] = 1
    field = np.fft.ifft2(np.fft.fft2(random.normal(size=(600, 600))) / frequency).real
    return Image.fromarray(np.clip(128 + 50 * field / field.std(), 0, 255).astype(np.uint8))


def things() -> Image.Image:
    """Soft shapes one before another: a photograph of objects."""
    random = np.random.default_rng(3)
    image = Image.new("L", (1000, 750), 120)
    draw = ImageDraw.Draw(image)
    for _ in range(60):
        x, y, size = random.random() * 1000, random.random() * 750, 20 + 150 * random.random()
        grey = int(np.clip(random.normal(120, 50), 0, 255))
        draw.ellipse((x - size, y - size / 2, x + size, y + size / 2), fill=grey)
    return image.filter(ImageFilter.GaussianBlur(3))
