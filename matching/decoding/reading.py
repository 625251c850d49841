"""Bytes in, an upright 8-bit greyscale film out: what the child does, and nothing else."""

from PIL import Image

from matching.decoding import pictures
from matching.decoding.answers import Grey, Outcome, Refused
from matching.decoding.formats import Kind, kind_of


def read(data: bytes, *, most_pixels: int) -> Grey:
    """Raises Refused, and whatever the libraries raise on damaged bytes."""
    image = _image(data, most_pixels)
    return Grey(image.width, image.height, image.tobytes())


def outcome_of(error: Exception) -> Outcome:
    """Why a file is refused, by what reading it raised."""
    if isinstance(error, Refused):
        return error.outcome
    return Outcome.TOO_DEMANDING if isinstance(error, MemoryError) else Outcome.DAMAGED


def _image(data: bytes, most_pixels: int) -> Image.Image:
    kind = kind_of(data)
    if kind is None:
        raise Refused(Outcome.NOT_AN_IMAGE)
    if kind is Kind.HEIF:
        return pictures.read_heif(data, most_pixels=most_pixels)
    if kind is Kind.DICOM:
        # Costs more time to import than most films to read.
        from matching.decoding import dicom

        return dicom.read_dicom(data, most_pixels=most_pixels)
    return pictures.read_picture(data, kind, most_pixels=most_pixels)
