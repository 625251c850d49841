"""The one door for images: bytes in, an upright 8-bit greyscale radiograph out.

The bytes themselves are read in a process of its own (`matching.decoding`): a file that makes
a decoder crash, hang or swell ends that process, never this one.
"""

import hashlib
import io
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _
from PIL import Image

from matching import measured
from matching.decoding.answers import MIN_SIDE, Grey, Outcome, Refused
from matching.decoding.formats import kind_of
from matching.decoding.pool import Busy, decoders

CLEAN_COPY_QUALITY = 95
# No answer may take five seconds; a film of the permitted size takes up to two.
DECODE_SECONDS = 4.0


class RadiographError(ValueError):
    """The bytes are not a usable radiograph. `str()` is a sentence for the sender."""

    status = 422


class ImageTooLarge(RadiographError):
    status = 413


class NotAnImage(RadiographError):
    status = 415


class UnreadableImage(RadiographError):
    status = 422


class DecoderBusy(RadiographError):
    """Nothing is wrong with the bytes: others are being read, and they must be sent again."""

    status = 503


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


def load(data: bytes, *, sha256: str = "") -> Radiograph:
    """Decode the bytes of a JPEG, PNG, WebP, HEIC or DICOM image; `sha256` spares their digest
    where it is known.

    Raises ImageTooLarge (bytes), NotAnImage (another format or none), UnreadableImage
    (damaged, too many pixels, too small, too elongated, without a picture, or asking for too
    much time or memory) or DecoderBusy. Dimensions are checked before any pixel is decoded.
    """
    check_size(len(data))
    check_beginning(data)
    try:
        with measured.stage(measured.Stage.DECODE):
            grey = _grey(data)
    except Refused as refusal:
        raise _in_words(refusal.outcome) from None
    except Busy:
        raise DecoderBusy(
            _("Too many images are being read at this moment. Please try again.")
        ) from None
    return Radiograph(image=_image(grey), sha256=sha256 or digest(data))


def _grey(data: bytes) -> Grey:
    most = settings.RAIOX_MAX_IMAGE_PIXELS
    return decoders.read(data, most_pixels=most, seconds=_seconds())


def check_beginning(data: bytes) -> None:
    """Raise NotAnImage unless the bytes begin like an image of a kind that is taken."""
    if not data:
        raise NotAnImage(_("The file is empty."))
    if kind_of(data) is None:
        raise _in_words(Outcome.NOT_AN_IMAGE)


def _seconds() -> float:
    return float(getattr(settings, "RAIOX_DECODE_SECONDS", DECODE_SECONDS))


def _image(grey: Grey) -> Image.Image:
    # Of the pixels alone: nothing of the file's metadata (EXIF, comments, tags) came along.
    return Image.frombuffer("L", (grey.width, grey.height), grey.pixels, "raw", "L", 0, 1)


def _in_words(outcome: Outcome) -> RadiographError:
    if outcome is Outcome.NOT_AN_IMAGE:
        return NotAnImage(_("The file is not a JPEG, PNG, WebP, HEIC or DICOM image."))
    if outcome is Outcome.TOO_MANY_PIXELS:
        return UnreadableImage(
            _("The image has more than %(millions)d million pixels.")
            % {"millions": settings.RAIOX_MAX_IMAGE_PIXELS // 1_000_000}
        )
    if outcome is Outcome.TOO_SMALL:
        return UnreadableImage(
            _("The image is too small: each side needs at least %(side)d pixels.")
            % {"side": MIN_SIDE}
        )
    return UnreadableImage(_reason(outcome))


def _reason(outcome: Outcome) -> str:
    if outcome is Outcome.TOO_ELONGATED:
        return _("The image is too elongated to show an implant.")
    if outcome is Outcome.NO_PICTURE:
        return _("The DICOM file contains no picture.")
    if outcome is Outcome.TOO_DEMANDING:
        return _("The image cannot be read: it asks for too much time or memory.")
    return _("The image is damaged or incomplete and cannot be read.")
