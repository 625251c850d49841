import io
import json
import random
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, PngImagePlugin

from matching import radiograph
from matching.radiograph import (
    ImageTooLarge,
    NotAnImage,
    Radiograph,
    RadiographError,
    UnreadableImage,
)

ORIENTATION = 0x0112
DESCRIPTION = 0x010E
PATIENT = "MARIA-DA-SILVA"
MEBIBYTE = 1024 * 1024


def drawing(mode: str = "L", size: tuple[int, int] = (96, 128)) -> Image.Image:
    """A film with a light square in its upper left corner only, so that turns can be seen."""
    image = Image.new("L", size, 40)
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 3, size[1] // 3), fill=230)
    return image.convert(mode)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif(orientation: int = 1) -> Image.Exif:
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    tags[DESCRIPTION] = PATIENT
    tags[0x8298] = PATIENT
    tags.get_ifd(0x8769)[0x9003] = "2024:02:29 10:00:00"
    tags.get_ifd(0x8769)[0x927C] = PATIENT.encode() * 3
    return tags


def pixels(film: Radiograph) -> np.ndarray[Any, Any]:
    return np.asarray(film.image, dtype=np.int16)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def black_png(width: int, height: int) -> bytes:
    """A bilevel PNG of any size in a few bytes, its rows compressed as a stream of zeros."""
    row = b"\0" * (1 + (width + 7) // 8)
    compressor = zlib.compressobj(9)
    rows = b"".join(compressor.compress(row) for _ in range(height)) + compressor.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", rows)
        + png_chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("kind", "tolerance"), [("JPEG", 6), ("PNG", 0), ("WEBP", 6)])
def test_a_film_becomes_an_upright_greyscale_image(kind: str, tolerance: int) -> None:
    data = encoded(drawing("RGB"), kind, quality=95)
    film = radiograph.load(data)
    assert film.image.mode == "L"
    assert (film.width, film.height) == (96, 128)
    # The corners of the four quarters: away from edges, where a codec may ring.
    values = pixels(film)
    for (x, y), grey in {(10, 10): 230, (80, 10): 40, (10, 110): 40, (80, 110): 40}.items():
        assert abs(values[y, x] - grey) <= tolerance
    assert film.sha256 == radiograph.digest(data)


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [
        (1, "upper left"),
        (2, "upper right"),
        (3, "lower right"),
        (4, "lower left"),
        (5, "upper left"),
        (6, "upper right"),
        (7, "lower right"),
        (8, "lower left"),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_orientation_in_the_exif_is_obeyed(kind: str, orientation: int, corner: str) -> None:
    film = radiograph.load(encoded(drawing(), kind, exif=exif(orientation), quality=95))
    assert (film.width, film.height) == ((96, 128) if orientation < 5 else (128, 96))
    values = pixels(film)
    corners = {
        "upper left": values[5, 5],
        "upper right": values[5, -5],
        "lower left": values[-5, 5],
        "lower right": values[-5, -5],
    }
    assert max(corners, key=lambda name: corners[name]) == corner
    assert sorted(value > 128 for value in corners.values()) == [False, False, False, True]


@pytest.mark.parametrize("value", [0, 9, 700])
def test_an_orientation_that_does_not_exist_leaves_the_film_as_it_is(value: int) -> None:
    film = radiograph.load(encoded(drawing(), "JPEG", exif=exif(value), quality=95))
    assert pixels(film)[5, 5] > 200
    assert (film.width, film.height) == (96, 128)


def test_exif_that_is_damaged_does_not_stop_a_film_that_can_be_read() -> None:
    for tag, kind, count, value in [
        (ORIENTATION, 2, 5, 0),  # text instead of a number
        (ORIENTATION, 5, 1, 0xFFFFFF),  # points outside
        (DESCRIPTION, 3, 1, 7),  # a number instead of text
        (0x0110, 10, 1, 0),
        (0x8769, 4, 1, 0xFFFFFFFF),
    ]:
        entry = struct.pack("<HHII", tag, kind, count, value)
        block = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + b"\0" * 4
        film = radiograph.load(encoded(drawing(), "JPEG", exif=block, quality=95))
        assert pixels(film)[5, 5] > 200


@pytest.mark.parametrize(
    "data",
    [
        encoded(drawing("RGB"), "JPEG", exif=exif(6), comment=PATIENT, icc_profile=b"icc" * 50),
        encoded(drawing("RGB"), "WEBP", exif=exif(6), xmp=f"<x>{PATIENT}</x>".encode()),
    ],
    ids=["JPEG", "WEBP"],
)
def test_nothing_of_the_metadata_is_left_in_the_clean_copy(data: bytes) -> None:
    assert PATIENT.encode() in data
    film = radiograph.load(data)
    assert not film.image.info
    for copy in (film.clean_copy(), film.thumbnail()):
        assert PATIENT.encode() not in copy
        with Image.open(io.BytesIO(copy)) as image:
            assert image.format == "JPEG"
            assert image.mode == "L"
            assert not dict(image.getexif())
            assert not {"exif", "comment", "icc_profile", "xmp"} & set(image.info)


def test_nothing_of_a_png_s_text_is_left_in_the_clean_copy() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Patient", PATIENT)
    info.add_itxt("XML:com.adobe.xmp", f"<x>{PATIENT}</x>")
    film = radiograph.load(encoded(drawing(), "PNG", pnginfo=info, exif=exif()))
    assert not film.image.info
    assert not dict(film.image.getexif())
    assert PATIENT.encode() not in film.clean_copy()


def test_the_clean_copy_is_the_film() -> None:
    film = radiograph.load(encoded(drawing(), "PNG", exif=exif(6)))
    again = radiograph.load(film.clean_copy())
    assert again.image.size == film.image.size
    assert np.abs(pixels(again) - pixels(film)).max() <= 6


def test_a_thumbnail_keeps_the_shape_and_never_grows() -> None:
    large = radiograph.load(encoded(drawing(size=(600, 900)), "PNG"))
    small = radiograph.load(encoded(drawing(size=(96, 128)), "PNG"))
    with Image.open(io.BytesIO(large.thumbnail())) as image:
        assert image.size == (160, 240)
    with Image.open(io.BytesIO(small.thumbnail())) as image:
        assert image.size == (96, 128)
    assert (large.width, large.height) == (600, 900)


def test_sixteen_bits_are_spread_by_the_range_that_is_really_used() -> None:
    # A 12-bit sensor in a 16-bit file: clipped to 8 bits it would be white all over.
    values = np.full((64, 64), 1000, dtype=np.uint16)
    values[16:48, 16:48] = 3000
    values[24:40, 24:40] = 4000
    film = radiograph.load(encoded(Image.fromarray(values), "PNG"))
    assert film.image.mode == "L"
    assert [int(pixels(film)[row, 32]) for row in (0, 20, 32)] == [0, 170, 255]


def test_sixteen_bits_of_one_value_are_a_black_film() -> None:
    film = radiograph.load(encoded(Image.fromarray(np.full((64, 64), 9, np.uint16)), "PNG"))
    assert set(film.image.get_flattened_data()) == {0}


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_parts_take_the_mean_grey_of_the_visible_ones(mode: str) -> None:
    image = Image.new("LA", (64, 64), (0, 0))
    ImageDraw.Draw(image).rectangle((16, 0, 31, 63), fill=(100, 255))
    ImageDraw.Draw(image).rectangle((32, 0, 47, 63), fill=(200, 255))
    film = radiograph.load(encoded(image.convert(mode), "PNG"))
    assert pixels(film)[32, [4, 20, 40, 60]].tolist() == [150, 100, 200, 150]


def test_half_transparent_pixels_are_laid_over_the_mean_grey() -> None:
    image = Image.new("LA", (64, 64), (100, 255))
    ImageDraw.Draw(image).rectangle((0, 0, 0, 0), fill=(0, 127))
    film = radiograph.load(encoded(image, "PNG"))
    assert 48 <= pixels(film)[0, 0] <= 52


def test_a_palette_with_a_transparent_colour_is_read_like_any_transparency() -> None:
    image = Image.new("P", (64, 64), 0)
    image.putpalette([0, 0, 0, 100, 100, 100, 200, 200, 200])
    ImageDraw.Draw(image).rectangle((16, 0, 31, 63), fill=1)
    ImageDraw.Draw(image).rectangle((32, 0, 47, 63), fill=2)
    data = encoded(image, "PNG", transparency=0)
    assert pixels(radiograph.load(data))[32, [4, 20, 40, 60]].tolist() == [150, 100, 200, 150]
    plain = encoded(image, "PNG")
    assert pixels(radiograph.load(plain))[32, [4, 20, 40, 60]].tolist() == [0, 100, 200, 0]


def test_a_wholly_transparent_film_is_no_error() -> None:
    film = radiograph.load(encoded(Image.new("RGBA", (64, 64), (9, 9, 9, 0)), "PNG"))
    assert film.image.size == (64, 64)


@pytest.mark.parametrize("options", [{}, {"keep_rgb": True}, {"subsampling": 0}])
def test_a_jpeg_in_colour_gives_the_greys_of_its_colours(options: dict[str, Any]) -> None:
    colours = np.random.default_rng(1).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    picture = Image.fromarray(colours).resize((480, 360), Image.Resampling.BICUBIC)
    data = encoded(picture, "JPEG", quality=95, **options)
    with Image.open(io.BytesIO(data)) as image:
        wanted = np.asarray(image.convert("L"), dtype=int)
    # On the way to colours greys are rounded, and what lies beyond black and white is cut off.
    off = np.abs(np.asarray(radiograph.load(data).image, dtype=int) - wanted)
    assert (off.mean() < 1, np.percentile(off, 99) <= 3) == (True, True)


def test_a_cmyk_jpeg_keeps_light_and_dark() -> None:
    data = encoded(drawing("CMYK"), "JPEG", quality=95)
    values = pixels(radiograph.load(data))
    assert values[10, 10] > 200
    assert values[110, 80] < 60


@pytest.mark.parametrize("mode", ["1", "P", "L", "RGB"])
def test_every_ordinary_colour_mode_is_read(mode: str) -> None:
    values = pixels(radiograph.load(encoded(drawing(mode), "PNG")))
    assert values[10, 10] > 180
    assert values[110, 80] < 80


def test_one_byte_more_than_five_megabytes_is_too_large() -> None:
    data = encoded(drawing(), "JPEG")
    full = data + b"\0" * (5 * MEBIBYTE - len(data))
    assert radiograph.load(full).width == 96
    with pytest.raises(ImageTooLarge) as refusal:
        radiograph.load(full + b"\0")
    assert refusal.value.status == 413
    assert "5 MB" in str(refusal.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Dear colleague, the film is attached.",
        b"<svg xmlns='http://www.w3.org/2000/svg' width='99' height='99'/>",
        b"%PDF-1.7\n",
        encoded(drawing(), "GIF"),
        encoded(drawing(), "TIFF"),
        encoded(drawing(), "BMP"),
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
    ],
    ids=["empty", "text", "svg", "pdf", "gif", "tiff", "bmp", "jpeg start", "png start"],
)
def test_what_is_no_jpeg_png_or_webp_is_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(NotAnImage) as refusal:
        radiograph.load(data)
    assert refusal.value.status == 415
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"exif": exif(6), "quality": 98}])
def test_a_jpeg_that_lacks_any_part_of_the_picture_is_never_accepted(
    options: dict[str, Any],
) -> None:
    noise = np.random.default_rng(5).integers(0, 255, (48, 40), dtype=np.uint8)
    for image in (drawing("RGB"), Image.fromarray(noise)):
        data = encoded(image, "JPEG", **options)
        # The last two bytes are the end mark: without it the picture is still whole.
        assert not accepted_lengths(data, end=2)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_png_or_webp_that_lacks_any_part_of_the_picture_is_never_accepted(kind: str) -> None:
    noise = np.random.default_rng(5).integers(0, 255, (48, 40), dtype=np.uint8)
    # A PNG ends with a checksum of its rows and the 12 bytes of an empty chunk.
    assert not accepted_lengths(encoded(Image.fromarray(noise), kind), end=24)


def accepted_lengths(data: bytes, *, end: int) -> list[int]:
    """At how many bytes the cut-off film is accepted although pixels must be missing."""
    whole = pixels(radiograph.load(data))
    accepted = []
    for length in range(len(data)):
        try:
            film = radiograph.load(data[:length])
        except (NotAnImage, UnreadableImage):
            continue
        if length < len(data) - end or not np.array_equal(pixels(film), whole):
            accepted.append(length)
    return accepted


def bomb_report(data: bytes) -> dict[str, Any]:
    """Load in a process of its own: how it ended, how long it took, how far memory rose."""
    program = """
import json, resource, sys, time
from django.conf import settings
settings.configure(
    RAIOX_MAX_IMAGE_BYTES=5 * 1024 * 1024, RAIOX_MAX_IMAGE_PIXELS=25_000_000, USE_I18N=False
)
from PIL import Image
from matching import radiograph
Image.init()
data = sys.stdin.buffer.read()
unit = 1 if sys.platform == "darwin" else 1024
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
try:
    radiograph.load(data)
    outcome = "accepted"
except radiograph.RadiographError as error:
    outcome = f"{type(error).__name__}: {error}"
print(json.dumps({
    "outcome": outcome,
    "seconds": time.perf_counter() - start,
    "grown": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit,
}))
"""
    finished = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], input=data, capture_output=True, check=True
    )
    return dict(json.loads(finished.stdout))


def animated_webp(width: int, height: int) -> bytes:
    """An animation of 64 by 64 pixels whose header claims a canvas of another size."""
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("black", "white")]
    data = bytearray(encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]))
    at = data.index(b"VP8X") + 12
    data[at : at + 6] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


@pytest.mark.parametrize(
    "make",
    [
        lambda: black_png(25_000, 25_000),
        lambda: black_png(12_000, 12_000),
        lambda: black_png(5_001, 5_000),
        lambda: animated_webp(16_000, 16_000),
        lambda: animated_webp(9_000, 9_000),
    ],
    ids=["png 625 Mpx", "png 144 Mpx", "png just over", "webp 256 Mpx", "webp 81 Mpx"],
)
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(make: Callable[[], bytes]) -> None:
    data = make()
    assert len(data) < 200_000
    report = bomb_report(data)
    assert report["outcome"].startswith("UnreadableImage")
    assert "25" in report["outcome"]
    assert report["seconds"] < 1
    assert report["grown"] < 50 * MEBIBYTE


def test_a_film_of_as_many_pixels_as_allowed_is_read() -> None:
    assert radiograph.load(black_png(5_000, 5_000)).width == 5_000


@pytest.mark.parametrize("size", [(1, 10_000), (10_000, 1), (32, 10_000), (32, 257)])
def test_a_line_is_no_radiograph_and_costs_nothing(size: tuple[int, int]) -> None:
    data = encoded(Image.new("L", size, 90), "PNG")
    started = time.perf_counter()
    with pytest.raises(UnreadableImage):
        radiograph.load(data)
    assert time.perf_counter() - started < 0.5


def test_the_smallest_and_the_longest_film_that_are_allowed() -> None:
    assert radiograph.load(encoded(Image.new("L", (32, 32)), "PNG")).width == 32
    assert radiograph.load(encoded(Image.new("L", (32, 256)), "PNG")).height == 256
    with pytest.raises(UnreadableImage, match="32"):
        radiograph.load(encoded(Image.new("L", (31, 100)), "PNG"))


def samples() -> dict[str, bytes]:
    colour = drawing("RGB")
    info = PngImagePlugin.PngInfo()
    info.add_text("a", "b" * 200, zip=True)
    sixteen = Image.fromarray(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64))
    return {
        "jpeg": encoded(colour, "JPEG", exif=exif(6)),
        "progressive": encoded(colour, "JPEG", exif=exif(8), progressive=True, comment=b"c"),
        "two pictures": encoded(colour, "MPO", save_all=True, append_images=[colour], exif=exif(3)),
        "cmyk": encoded(drawing("CMYK"), "JPEG"),
        "png": encoded(colour, "PNG", exif=exif(6), pnginfo=info, icc_profile=b"icc" * 40),
        "transparent": encoded(colour.convert("RGBA"), "PNG"),
        "palette": encoded(colour.convert("P"), "PNG", transparency=0),
        "sixteen bits": encoded(sixteen, "PNG"),
        "webp": encoded(colour, "WEBP", exif=exif(6)),
        "lossless": encoded(colour.convert("RGBA"), "WEBP", lossless=True, exif=exif(6)),
        "animated": encoded(colour, "WEBP", save_all=True, append_images=[drawing("RGB")]),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", samples())
def test_damaged_bytes_are_read_or_refused_and_nothing_else(name: str) -> None:
    data = samples()[name]
    generator = random.Random(f"damage {name}")
    for attempt in range(300):
        damaged = bytearray(data)
        # Headers and metadata stand at the front: that is where a parser can be led astray.
        reach = len(data) if attempt % 3 == 0 else min(len(data), 400)
        for _ in range(generator.choice([1, 1, 2, 6])):
            position = generator.randrange(reach)
            damaged[position] = generator.choice(
                [damaged[position] ^ 1 << generator.randrange(8), 0, 255]
            )
        try:
            film = radiograph.load(bytes(damaged))
        except RadiographError as refusal:
            assert str(refusal)
            continue
        assert film.image.mode == "L"
        assert film.image.width * film.image.height <= 25_000_000
