"""JPEG, PNG, WebP and HEIF to an upright greyscale image."""

import io
import struct
import warnings

import numpy as np
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from matching.decoding import containers, pixels
from matching.decoding.answers import Outcome, Refused, check_dimensions
from matching.decoding.formats import Kind

# What each EXIF orientation asks for, so that the film stands upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
DEEPEST = 65535.0
# Everything that Pillow raises on damaged EXIF.
DAMAGED_TAGS = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, EOFError),
    *(OverflowError, struct.error),
)
# A phone's picture is a grid of small ones, decoded side by side.
HEIF_THREADS = 2

# A truncated film must be refused, never silently completed with grey.
ImageFile.LOAD_TRUNCATED_IMAGES = False


def read_picture(data: bytes, kind: Kind, *, most_pixels: int) -> Image.Image:
    """The first picture of a JPEG, PNG or WebP. Raises Refused, and whatever Pillow does on
    damaged bytes. Dimensions are checked before any pixel is decoded."""
    if kind is Kind.PNG:
        data = containers.needed_png(data)
    _check_costs(data, kind, most_pixels)
    with _open(data, kind, most_pixels) as image:
        check_dimensions(*image.size, most_pixels=most_pixels)
        # Of a JPEG in colour its luminance is all that is unpacked; no other kind knows this.
        image.draft("L", None)
        image.load()
        orientation = _orientation(image)
        grey = _deep_colour(data) if containers.is_deep_colour_png(data) else None
        return _upright(grey or pixels.to_grey(image), orientation)


def read_heif(data: bytes, *, most_pixels: int) -> Image.Image:
    """The primary picture of a HEIF. Its own rotation is applied by the decoder; the EXIF
    counts only where there is none. Raises as `read_picture` does."""
    import pillow_heif

    if containers.is_cut_heif(data):
        raise Refused(Outcome.DAMAGED)

    options = pillow_heif.options
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    options.DECODE_THREADS = HEIF_THREADS
    file = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
    picture = file[file.primary_index]
    check_dimensions(*picture.size, most_pixels=most_pixels)
    image = picture.to_pillow()
    # What the header claims need not be what was packed.
    check_dimensions(*image.size, most_pixels=most_pixels)
    orientation = None if containers.turns_itself(data) else _noted(picture.info.get("exif"))
    image.info.clear()
    return _upright(pixels.to_grey(image), orientation)


def _check_costs(data: bytes, kind: Kind, most_pixels: int) -> None:
    if kind is Kind.JPEG and containers.has_too_many_scans(data):
        raise Refused(Outcome.TOO_DEMANDING)
    size = containers.webp_size(data) if kind is Kind.WEBP else None
    if size and min(size) > 0:
        check_dimensions(*size, most_pixels=most_pixels)


def _open(data: bytes, kind: Kind, most_pixels: int) -> Image.Image:
    Image.MAX_IMAGE_PIXELS = most_pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(data), formats=(kind.value,))
    except UnidentifiedImageError as error:
        raise Refused(Outcome.NOT_AN_IMAGE) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refused(Outcome.TOO_MANY_PIXELS) from error


def _noted(exif: object) -> int | None:
    """The orientation in a block of EXIF, if it is one."""
    holder = Image.new("L", (1, 1))
    holder.info["exif"] = exif if isinstance(exif, bytes) else b""
    return _orientation(holder)


def _orientation(image: Image.Image) -> int | None:
    """The EXIF orientation; None where there is none or the EXIF is damaged.

    `ImageOps.exif_transpose` would also write the EXIF anew, and fails on damaged tags that
    nobody asked for.
    """
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except DAMAGED_TAGS:
        return None
    return orientation if isinstance(orientation, int) else None


def _upright(image: Image.Image, orientation: int | None) -> Image.Image:
    turn = TURNS.get(orientation) if orientation else None
    return image if turn is None else image.transpose(turn)


def _deep_colour(data: bytes) -> Image.Image:
    """16 bits of colour or transparent grey. Pillow has read the file before: what is
    truncated was refused."""
    import cv2

    cv2.setNumThreads(1)
    colours = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if colours is None or colours.ndim != 3:
        raise Refused(Outcome.DAMAGED)
    # The library has blue first.
    grey = pixels.luminance(colours[:, :, 2::-1])
    if colours.shape[2] == 4:
        grey = pixels.lay_on_mean_grey(grey, colours[:, :, 3], opaque=DEEPEST)
    return pixels.spread(grey)
