"""DICOM to a greyscale image. Of its tags only those are read that the pixels need."""

import io
import warnings
from typing import Any

import pydicom
from PIL import Image
from pydicom.pixels import pixel_array
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from matching.decoding import pixels
from matching.decoding.answers import Outcome, Refused, check_dimensions
from matching.decoding.containers import inflates_to_more_than
from matching.decoding.dicom_values import shown
from matching.decoding.pixels import Array

META_START = 132
# Three colours of 16 bits.
MOST_BYTES_OF_A_PIXEL = 6
# Those that refuse what is truncated; the other reader completes it in silence, and is the
# only one for the rest.
PLUGINS = {
    "1.2.840.10008.1.2.4.50": "pillow",
    "1.2.840.10008.1.2.4.80": "pyjpegls",
    "1.2.840.10008.1.2.4.81": "pyjpegls",
    "1.2.840.10008.1.2.4.90": "pillow",
    "1.2.840.10008.1.2.4.91": "pillow",
}
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
NEEDED = [
    *("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames"),
    *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *(f"{colour}PaletteColorLookupTableDescriptor" for colour in ("Red", "Green", "Blue")),
    *(f"{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
    *(f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
    *("ModalityLUTSequence", "RescaleSlope", "RescaleIntercept"),
    *("VOILUTSequence", "VOILUTFunction", "WindowCenter", "WindowWidth"),
    *("ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
    *PIXELS,
]


def read_dicom(data: bytes, *, most_pixels: int) -> Image.Image:
    """The first frame as a viewer would show it. Raises Refused, and whatever pydicom and its
    plug-ins do on damaged bytes. Rows and columns are checked before any pixel is decoded."""
    # A real file breaks some rule more often than not, and a warning may quote a patient's name.
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    warnings.simplefilter("ignore")
    _refuse_a_bomb(data, most_pixels)
    dataset = pydicom.dcmread(io.BytesIO(data), force=True, specific_tags=NEEDED)
    if not any(name in dataset for name in PIXELS):
        raise Refused(Outcome.NO_PICTURE)
    size = int(dataset.Columns), int(dataset.Rows)
    check_dimensions(*size, most_pixels=most_pixels)
    Image.MAX_IMAGE_PIXELS = most_pixels
    frame = _first_frame(dataset)
    if frame.shape[1::-1] != size:
        raise Refused(Outcome.DAMAGED)
    return _grey(frame, dataset)


def _refuse_a_bomb(data: bytes, most_pixels: int) -> None:
    if DeflatedExplicitVRLittleEndian.encode() not in data[:4096]:
        return
    length = int.from_bytes(data[META_START + 8 : META_START + 12], "little")
    packed = data[META_START + 12 + length :]
    if inflates_to_more_than(packed, most_pixels * MOST_BYTES_OF_A_PIXEL):
        raise Refused(Outcome.TOO_MANY_PIXELS)


def _first_frame(dataset: Any) -> Array:
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if syntax is None:
        is_implicit = dataset.original_encoding[0]
        syntax = ImplicitVRLittleEndian if is_implicit else ExplicitVRLittleEndian
        dataset.file_meta.TransferSyntaxUID = syntax
    frame: Array = pixel_array(dataset, index=0, decoding_plugin=PLUGINS.get(str(syntax), ""))
    return frame


def _grey(frame: Array, dataset: Any) -> Image.Image:
    interpretation = str(dataset.PhotometricInterpretation).strip().upper()
    if interpretation == "PALETTE COLOR":
        frame = apply_color_lut(frame, dataset)
    if frame.ndim == 3:
        return _of_colours(frame)
    grey = shown(frame, dataset)
    return Image.fromarray(255 - grey if interpretation == "MONOCHROME1" else grey)


def _of_colours(frame: Array) -> Image.Image:
    if frame.dtype.itemsize == 1:
        return Image.fromarray(frame).convert("L")
    return pixels.spread(pixels.luminance(frame))
