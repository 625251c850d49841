"""The one door for images: bytes in, an upright 8-bit greyscale radiograph out."""

import hashlib
import io
import struct
import threading
from dataclasses import dataclass

import numpy as np
from django.conf import settings
from django.utils.translation import gettext as _
from PIL import ExifTags, Image, ImageFile, ImageStat, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP")
MIN_SIDE = 32
# A fixture is at most about six times as long as wide; an image far thinner than that shows
# none, and padded to a square it would cost memory with the square of its length.
MAX_ASPECT = 8
CLEAN_COPY_QUALITY = 95
# Rows of a film with more than 8 bits that are rescaled at a time.
STRIP = 512
# A film of the permitted size takes some 200 MB while it is decoded: two at a time keep the
# memory of a process with many request threads bounded.
_decoding = threading.BoundedSemaphore(2)

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
# Everything that Pillow raises on damaged bytes.
DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    EOFError,
    OverflowError,
    struct.error,
    Image.DecompressionBombError,
)

# A truncated film must be refused, never silently completed with grey.
ImageFile.LOAD_TRUNCATED_IMAGES = False


class RadiographError(ValueError):
    """The bytes are not a usable radiograph. `str()` is a sentence for the sender."""

    status = 422


class ImageTooLarge(RadiographError):
    status = 413


class NotAnImage(RadiographError):
    status = 415


class UnreadableImage(RadiographError):
    status = 422


@dataclass(frozen=True)
class Radiograph:
    """A decoded film: `image` is mode L, upright and without metadata; `sha256` is the hex
    digest of the bytes it came from."""

    image: Image.Image
    sha256: str

    @property
    def width(self) -> int:
        return self.image.width

    @property
    def height(self) -> int:
        return self.image.height

    def clean_copy(self) -> bytes:
        """The film as a greyscale JPEG without any metadata."""
        buffer = io.BytesIO()
        self.image.save(buffer, "JPEG", quality=CLEAN_COPY_QUALITY)
        return buffer.getvalue()

    def thumbnail(self, side: int = 240) -> bytes:
        small = self.image.copy()
        small.thumbnail((side, side))
        return Radiograph(small, self.sha256).clean_copy()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def check_size(size: int) -> None:
    """Raise ImageTooLarge for more bytes than the limit (5 MB)."""
    if size > settings.RAIOX_MAX_IMAGE_BYTES:
        raise ImageTooLarge(_("The image is larger than 5 MB."))


def load(data: bytes) -> Radiograph:
    """Decode the bytes of a JPEG, PNG or WebP image.

    Raises ImageTooLarge (bytes), NotAnImage (another format or none) or UnreadableImage
    (damaged, too many pixels, too small, too elongated). Dimensions are checked before any
    pixel is decoded.
    """
    check_size(len(data))
    with _decoding, _open(data) as image:
        _check_dimensions(*image.size)
        try:
            image.load()
            grey = _upright(_greyscale(image), _orientation(image))
        except DAMAGED as error:
            raise UnreadableImage(
                _("The image is damaged or incomplete and cannot be read.")
            ) from error
    # A new image: nothing of the file's metadata (EXIF, comments, profiles) travels with it.
    clean = Image.frombytes("L", grey.size, grey.tobytes())
    return Radiograph(image=clean, sha256=digest(data))


def check_beginning(data: bytes) -> None:
    """Raise NotAnImage unless the bytes begin like a JPEG, PNG or WebP image."""
    if not data:
        raise NotAnImage(_("The file is empty."))
    Image.init()
    begins_like = (Image.OPEN[name][1] for name in FORMATS)
    if not any(accepts and accepts(data[:16]) for accepts in begins_like):
        raise _another_format()


def _open(data: bytes) -> Image.Image:
    check_beginning(data)
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise _another_format() from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableImage(_too_many_pixels()) from error
    except DAMAGED as error:
        raise UnreadableImage(
            _("The image is damaged or incomplete and cannot be read.")
        ) from error


def _another_format() -> NotAnImage:
    return NotAnImage(_("The file is not a JPEG, PNG or WebP image."))


def _check_dimensions(width: int, height: int) -> None:
    if width * height > settings.RAIOX_MAX_IMAGE_PIXELS:
        raise UnreadableImage(_too_many_pixels())
    if min(width, height) < MIN_SIDE:
        raise UnreadableImage(
            _("The image is too small: each side needs at least %(side)d pixels.")
            % {"side": MIN_SIDE}
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise UnreadableImage(_("The image is too elongated to show an implant."))


def _too_many_pixels() -> str:
    return _("The image has more than %(millions)d million pixels.") % {
        "millions": settings.RAIOX_MAX_IMAGE_PIXELS // 1_000_000
    }


def _orientation(image: Image.Image) -> int | None:
    """The EXIF orientation; None where there is none or the EXIF is damaged.

    `ImageOps.exif_transpose` would also write the EXIF anew, and fails on damaged tags that
    nobody asked for.
    """
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except DAMAGED:
        return None
    return orientation if isinstance(orientation, int) else None


def _upright(image: Image.Image, orientation: int | None) -> Image.Image:
    turn = TURNS.get(orientation) if orientation else None
    return image if turn is None else image.transpose(turn)


def _greyscale(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _rescaled(image)
    if image.has_transparency_data:
        return _on_mean_grey(image.convert("RGBA"))
    return image.convert("L")


def _rescaled(image: Image.Image) -> Image.Image:
    """More than 8 bits: spread the range that is really used over 0…255, never clip it."""
    low, high = _range(image)
    scale = 255.0 / (high - low) if high > low else 0.0
    grey = Image.new("L", image.size)
    for top in range(0, image.height, STRIP):
        strip = image.crop((0, top, image.width, min(top + STRIP, image.height)))
        values = (np.asarray(strip, dtype=np.float32) - low) * scale
        grey.paste(Image.fromarray(values.round().astype(np.uint8)), (0, top))
    return grey


def _range(image: Image.Image) -> tuple[float, float]:
    values = np.asarray(image)
    return float(values.min()), float(values.max())


def _on_mean_grey(image: Image.Image) -> Image.Image:
    """Transparent parts take the mean grey of the visible ones: no edge is invented."""
    grey, alpha = image.convert("RGB").convert("L"), image.getchannel("A")
    is_visible = alpha.point([0] * 128 + [255] * 128)
    counted = ImageStat.Stat(grey, mask=is_visible)
    mean = round(counted.mean[0]) if counted.count[0] else 0
    return Image.composite(grey, Image.new("L", image.size, mean), alpha)
