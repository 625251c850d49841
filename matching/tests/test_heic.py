import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from matching import radiograph
from matching.radiograph import UnreadableImage
from matching.tests.hostile_files import encoded

ORIENTATION = 0x0112
PATIENT = "MARIA-DA-SILVA"


def drawing(size: tuple[int, int] = (96, 128)) -> Image.Image:
    image = Image.new("RGB", size, (40, 40, 40))
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 3, size[1] // 3), fill=(230, 230, 230))
    return image


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    tags[0x010E] = PATIENT
    return tags


def corners(film: radiograph.Radiograph) -> dict[str, bool]:
    values = np.asarray(film.image)
    return {
        "upper left": bool(values[5, 5] > 128),
        "upper right": bool(values[5, -5] > 128),
        "lower left": bool(values[-5, 5] > 128),
        "lower right": bool(values[-5, -5] > 128),
    }


def test_a_picture_of_a_phone_is_read() -> None:
    film = radiograph.load(encoded(drawing(), "HEIF", quality=90))
    values = np.asarray(film.image, dtype=int)
    assert (film.width, film.height) == (96, 128)
    assert abs(values[10, 10] - 230) < 8
    assert abs(values[110, 80] - 40) < 8


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
def test_its_own_rotation_is_applied_once(orientation: int, corner: str) -> None:
    image = drawing()
    image.info["exif"] = exif(orientation).tobytes()
    data = encoded(image, "HEIF", quality=90)
    assert (b"irot" in data or b"imir" in data) == (orientation > 1)
    film = radiograph.load(data)
    assert (film.width, film.height) == ((96, 128) if orientation < 5 else (128, 96))
    assert [name for name, is_light in corners(film).items() if is_light] == [corner]


def test_the_orientation_in_the_exif_counts_where_the_file_says_nothing_itself() -> None:
    data = encoded(drawing(), "HEIF", exif=exif(6), quality=90)
    assert b"irot" not in data
    film = radiograph.load(data)
    assert (film.width, film.height) == (128, 96)
    assert corners(film)["upper right"]


def test_the_tiles_that_phones_write_become_one_picture() -> None:
    image = drawing((640, 448))
    film = radiograph.load(encoded(image, "HEIF", tile_size=64, quality=95))
    assert (film.width, film.height) == (640, 448)
    apart = np.abs(np.asarray(film.image, dtype=int) - np.asarray(image.convert("L"), dtype=int))
    assert np.median(apart) <= 2


def test_of_several_pictures_the_primary_one_is_the_film() -> None:
    dark, light = Image.new("RGB", (64, 96), (20, 20, 20)), Image.new("RGB", (64, 96), "white")
    data = encoded(dark, "HEIF", save_all=True, append_images=[light], primary_index=1)
    assert np.asarray(radiograph.load(data).image).min() > 240


def test_more_than_eight_bits_of_grey_are_spread_by_their_real_range() -> None:
    values = np.repeat(np.linspace(8000, 24000, 64).astype(np.uint16)[np.newaxis], 64, axis=0)
    film = radiograph.load(encoded(Image.fromarray(values), "HEIF", quality=-1))
    grey = np.asarray(film.image)
    assert (grey.min(), grey.max()) == (0, 255)


def test_transparent_parts_take_the_mean_grey_of_the_visible_ones() -> None:
    image = Image.new("RGBA", (64, 64), (100, 100, 100, 255))
    ImageDraw.Draw(image).rectangle((0, 0, 63, 15), fill=(255, 255, 255, 0))
    values = np.asarray(radiograph.load(encoded(image, "HEIF", quality=95)).image, dtype=int)
    assert abs(values[5, 32] - 100) < 8


def test_nothing_of_its_metadata_is_left_in_the_clean_copy() -> None:
    data = encoded(drawing(), "HEIF", exif=exif(6), xmp=f"<x>{PATIENT}</x>".encode())
    assert data.count(PATIENT.encode()) == 2
    film = radiograph.load(data)
    assert not film.image.info
    for copy in (film.clean_copy(), film.thumbnail()):
        assert PATIENT.encode() not in copy
        with Image.open(io.BytesIO(copy)) as image:
            assert (image.format, image.mode) == ("JPEG", "L")
            assert not dict(image.getexif())


def test_a_line_is_no_radiograph_in_this_format_either() -> None:
    with pytest.raises(UnreadableImage):
        radiograph.load(encoded(Image.new("RGB", (64, 1024)), "HEIF"))
