"""What strangers may send: every answer is a film or a sentence, soon, and at a bounded price."""

import io
import random
import sys
import time
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from matching import radiograph
from matching.radiograph import ImageTooLarge, NotAnImage, RadiographError, UnreadableImage
from matching.tests import hostile_files
from matching.tests.hostile_files import BOMBS, MEBIBYTE, encoded

SOUND = hostile_files.sound()
LONGEST = 5.0
FLIPS = 200


def attempt(data: bytes) -> str:
    """The name of the refusal, empty for a film; fails when it takes five seconds."""
    started = time.perf_counter()
    try:
        film = radiograph.load(data)
    except RadiographError as refusal:
        assert str(refusal).endswith(".")
        assert refusal.status in (413, 415, 422)
        return type(refusal).__name__
    finally:
        assert time.perf_counter() - started < LONGEST
    assert film.image.mode == "L"
    assert film.width * film.height <= 25_000_000
    return ""


@pytest.mark.parametrize("name", SOUND)
def test_a_film_of_every_kind_is_read(name: str) -> None:
    assert attempt(SOUND[name]) == ""


@pytest.mark.parametrize("name", SOUND)
def test_a_film_cut_off_at_any_kilobyte_is_refused(name: str) -> None:
    data = SOUND[name]
    # The second picture of an MPO is not needed.
    end = data.index(b"\xff\xd9") if name == "mpo" else len(data) - 32
    for length in [1, 4, 12, 140, *range(1024, end, 1024), end - 1]:
        assert attempt(data[:length]), length


@pytest.mark.parametrize("name", SOUND)
def test_flipped_bits_end_in_a_film_or_a_refusal(name: str) -> None:
    generator = random.Random(f"flips {name}")
    data = SOUND[name]
    for number in range(FLIPS):
        damaged = bytearray(data)
        # Headers stand at the front: that is where a parser can be led astray.
        reach = len(data) if number % 2 else 600
        for _ in range(generator.choice([1, 1, 3, 20])):
            damaged[generator.randrange(reach)] ^= 1 << generator.randrange(8)
        attempt(bytes(damaged))


@pytest.mark.parametrize("name", SOUND)
def test_a_beginning_with_nothing_but_noise_after_it_is_refused(name: str) -> None:
    generator = random.Random(f"noise {name}")
    for length in (4, 16, 160, 400):
        for _ in range(5):
            assert attempt(SOUND[name][:length] + generator.randbytes(3000))


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_neither_the_time_nor_the_memory_that_it_asks_for(name: str) -> None:
    make, is_read = BOMBS[name]
    data = make()
    assert len(data) < 5 * MEBIBYTE
    process = psutil.Process()
    before = process.memory_info().rss
    started = time.perf_counter()
    outcome = attempt(data)
    seconds, grown = time.perf_counter() - started, process.memory_info().rss - before
    sys.stdout.write(f"{name}: {outcome or 'read'}, {seconds:.2f} s, {grown / MEBIBYTE:.0f} MB\n")
    assert is_read is None or (outcome == "") == is_read
    # A film of the largest size that is permitted, and nothing beside it.
    assert grown < 60 * MEBIBYTE


def test_many_bombs_leave_no_memory_behind() -> None:
    bombs = [make() for make, is_read in BOMBS.values() if is_read is False]
    attempt(bombs[0])
    process = psutil.Process()
    before = process.memory_info().rss
    for _ in range(5):
        for data in bombs:
            assert attempt(data)
    grown = process.memory_info().rss - before
    sys.stdout.write(f"{5 * len(bombs)} bombs: {grown / MEBIBYTE:.0f} MB\n")
    assert grown < 20 * MEBIBYTE


@pytest.mark.parametrize("name", hostile_files.polyglots())
def test_of_a_file_that_is_also_something_else_only_the_film_is_kept(name: str) -> None:
    film = radiograph.load(hostile_files.polyglots()[name])
    copy = film.clean_copy()
    assert copy.startswith(b"\xff\xd8") and copy.endswith(b"\xff\xd9")
    for part in (b"<html", b"<script", b"<?php", b"PK\3\4", b"%PDF", b"MZ", b"II*\0", b"Fantoma"):
        assert part not in copy[:600] + copy[-600:]
    with Image.open(io.BytesIO(copy)) as again:
        again.load()
        assert (again.format, again.mode) == ("JPEG", "L")
        assert set(again.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "BMP", "ICO", "PPM", "JPEG2000", "PDF"])
def test_other_formats_are_refused_however_sound(kind: str) -> None:
    assert attempt(encoded(Image.fromarray(hostile_files.film()), kind)) == "NotAnImage"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 4096,
        b"\xff" * 4096,
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"PK\3\4" + bytes(400),
        b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(200),
        b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(200),
    ],
    ids=["empty", "zeros", "ones", "postscript", "svg", "zip", "avif", "video"],
)
def test_what_is_no_film_at_all_is_named_as_such(data: bytes) -> None:
    with pytest.raises(NotAnImage):
        radiograph.load(data)


def test_more_than_five_megabytes_are_refused_unread() -> None:
    with pytest.raises(ImageTooLarge):
        radiograph.load(SOUND["heic"].ljust(5 * MEBIBYTE + 1, b"\0"))


def test_an_svg_or_a_script_in_the_metadata_never_reaches_the_copy() -> None:
    page = b"<svg onload=alert(1)>"
    data = encoded(Image.fromarray(hostile_files.film()), "JPEG", comment=page, icc_profile=page)
    assert data.count(page) == 2
    film = radiograph.load(data)
    assert page not in film.clean_copy() + film.thumbnail()


@pytest.mark.parametrize("colours", [2, 4, 6])
def test_sixteen_bits_of_colour_or_transparency_are_spread_like_plain_grey(colours: int) -> None:
    # A 12-bit sensor: read as the upper eight of sixteen bits it would be black.
    values = np.repeat(np.linspace(500, 3500, 64).astype(np.uint16)[np.newaxis], 64, axis=0)
    channels = {2: [values] * 3, 4: [values], 6: [values] * 3}[colours]
    if colours in (4, 6):
        channels.append(np.full_like(values, 65535))
    film = radiograph.load(png_of(np.dstack(channels), colours))
    grey = np.asarray(film.image)
    assert (grey.min(), grey.max()) == (0, 255)
    assert len(np.unique(grey)) > 60


def png_of(values: np.ndarray[Any, Any], colours: int) -> bytes:
    import struct
    import zlib

    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, colours, 0, 0, 0)
    chunk = hostile_files.png_chunk
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_of_an_animation_or_several_pictures_the_first_is_the_film() -> None:
    first = Image.new("L", (64, 96), 200)
    second = Image.new("L", (64, 96), 10)
    for kind in ("WEBP", "PNG", "MPO"):
        data = encoded(first, kind, save_all=True, append_images=[second])
        assert np.asarray(radiograph.load(data).image).min() > 190, kind


def test_an_unreadable_film_and_no_film_are_told_apart() -> None:
    with pytest.raises(UnreadableImage):
        radiograph.load(SOUND["png"][:5000])
    with pytest.raises(NotAnImage):
        radiograph.load(SOUND["png"][1:])
