import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pydicom
import pytest
from django.utils import translation
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000,
    UID,
    EncapsulatedPDFStorage,
    ExplicitVRBigEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from matching import radiograph
from matching.radiograph import NotAnImage, UnreadableImage
from matching.tests import dicom_files, hostile_files
from matching.tests.dicom_files import as_bytes, dataset, dicom

Array = np.ndarray[Any, Any]


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


def quarters(*values: int, kind: Any = np.uint16) -> Array:
    """(128, 96): the values of the upper left, upper right, lower left and lower right."""
    upper, lower = np.repeat(values[:2], 48), np.repeat(values[2:], 48)
    return np.vstack([np.tile(upper, (64, 1)), np.tile(lower, (64, 1))]).astype(kind)


def seen(data: bytes) -> list[int]:
    """The grey in the middle of each quarter of what was read."""
    grey = np.asarray(radiograph.load(data).image)
    assert grey.shape == (128, 96)
    return [int(grey[y, x]) for y in (32, 96) for x in (24, 72)]


def test_sixteen_bits_without_a_window_are_spread_by_their_real_range() -> None:
    data = dicom(quarters(1000, 2000, 2500, 3000), BitsStored=12, HighBit=11)
    assert seen(data) == [0, 128, 191, 255]


def test_eight_bits_of_which_nothing_is_said_stay_as_they_are() -> None:
    assert seen(dicom(quarters(10, 60, 120, 200, kind=np.uint8))) == [10, 60, 120, 200]


@pytest.mark.parametrize("kind", [np.int16, np.int8, np.int32, np.uint32])
def test_signed_and_wide_values_are_read(kind: Any) -> None:
    low = -100 if kind in (np.int16, np.int8, np.int32) else 0
    data = dicom(quarters(low, 0, 50, 100, kind=kind))
    assert (seen(data)[0], seen(data)[3]) == (0, 255)


def test_monochrome1_is_inverted() -> None:
    plain = quarters(1000, 2000, 2500, 3000)
    assert seen(dicom(plain, PhotometricInterpretation="MONOCHROME1")) == [255, 127, 64, 0]


def test_a_window_says_what_is_black_and_what_is_white() -> None:
    pixels = quarters(500, 1500, 2500, 3500)
    assert seen(dicom(pixels, WindowCenter=2000.5, WindowWidth=2001)) == [0, 64, 191, 255]
    exact = {"VOILUTFunction": "LINEAR_EXACT", "WindowCenter": 2000, "WindowWidth": 4000}
    assert seen(dicom(pixels, **exact)) == [32, 96, 159, 223]


def test_of_several_windows_the_first_counts() -> None:
    windows = {"WindowCenter": [2000.5, 10], "WindowWidth": [2001, 20]}
    assert seen(dicom(quarters(500, 1500, 2500, 3500), **windows)) == [0, 64, 191, 255]


def test_a_sigmoid_window_bends() -> None:
    window = {"VOILUTFunction": "SIGMOID", "WindowCenter": 2000, "WindowWidth": 2000}
    assert seen(dicom(quarters(0, 1000, 2000, 4000), **window)) == [5, 30, 128, 250]


@pytest.mark.parametrize(
    "window", [(90_000, 10), (2000, 0), (2000, -5), ("", ""), (None, 4), (float("nan"), 9)]
)
def test_a_window_in_which_nothing_can_be_seen_is_ignored(window: tuple[Any, Any]) -> None:
    written = dataset(quarters(1000, 2000, 2500, 3000))
    for name, value in zip(("WindowCenter", "WindowWidth"), window, strict=True):
        if value is not None:
            element = pydicom.DataElement(name, "DS", "")
            element._value = str(value)
            written.add(element)
    assert seen(as_bytes(written)) == [0, 128, 191, 255]


def test_a_rescale_goes_before_the_window() -> None:
    tags = {
        "RescaleSlope": 2,
        "RescaleIntercept": -1000,
        "WindowCenter": 2000.5,
        "WindowWidth": 2001,
    }
    assert seen(dicom(quarters(500, 1250, 1750, 3500), **tags)) == [0, 64, 191, 255]
    assert seen(dicom(quarters(0, 10, 20, 40), RescaleSlope=-1, RescaleIntercept=0)) == [
        255,
        191,
        128,
        0,
    ]


def lookup(entries: list[int], first: int, bits: int = 16) -> Dataset:
    item = Dataset()
    item.LUTDescriptor = [len(entries), first, bits]
    item["LUTDescriptor"].VR = "US"
    item.LUTData = np.array(entries, "<u2").tobytes()
    item["LUTData"].VR = "OW"
    return item


@pytest.mark.parametrize("name", ["VOILUTSequence", "ModalityLUTSequence"])
def test_a_lookup_table_is_obeyed_and_its_ends_reach_on(name: str) -> None:
    table = lookup([0, 100, 1000, 500], 10)
    assert seen(dicom(quarters(3, 11, 12, 40), **{name: [table]})) == [0, 26, 255, 128]


def test_a_lookup_table_goes_before_a_window() -> None:
    table = lookup([0, 100, 1000, 500], 10)
    tags = {"VOILUTSequence": [table], "WindowCenter": 1, "WindowWidth": 2}
    assert seen(dicom(quarters(3, 11, 12, 40), **tags)) == [0, 26, 255, 128]


def test_colours_become_grey() -> None:
    grey = quarters(10, 60, 120, 200, kind=np.uint8)
    colours = np.dstack([grey] * 3)
    assert seen(dicom(colours)) == [10, 60, 120, 200]
    planes = np.ascontiguousarray(colours.transpose(2, 0, 1)).tobytes()
    assert seen(dicom(colours, PlanarConfiguration=1, PixelData=planes)) == [10, 60, 120, 200]
    luminance = np.dstack([grey, grey * 0 + 128, grey * 0 + 128])
    assert seen(dicom(luminance, PhotometricInterpretation="YBR_FULL")) == [10, 60, 120, 200]


def test_a_palette_is_looked_up() -> None:
    tags: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        tags[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        table = (np.arange(256)[::-1] * 257).astype("<u2").tobytes()
        tags[f"{colour}PaletteColorLookupTableData"] = table
    grey = quarters(10, 60, 120, 200, kind=np.uint8)
    assert seen(dicom(grey, **tags)) == pytest.approx([255, 188, 107, 0], abs=60)


PACKED = [JPEGLSLossless, RLELossless, JPEGLosslessSV1, JPEG2000Lossless, JPEG2000]


@pytest.mark.parametrize("syntax", PACKED, ids=lambda syntax: syntax.name)
def test_compressed_pixels_of_sixteen_bits_are_read(syntax: UID) -> None:
    data = dicom_files.packed(quarters(1000, 2000, 2500, 3000), syntax)
    assert seen(data) == pytest.approx([0, 128, 191, 255], abs=1)


@pytest.mark.parametrize("syntax", [*PACKED, JPEGBaseline8Bit], ids=lambda syntax: syntax.name)
def test_compressed_pixels_of_eight_bits_and_of_colours_are_read(syntax: UID) -> None:
    grey = quarters(10, 60, 120, 200, kind=np.uint8)
    for pixels in (grey, np.dstack([grey] * 3)):
        assert seen(dicom_files.packed(pixels, syntax)) == pytest.approx([10, 60, 120, 200], abs=2)


def test_a_deflated_and_a_big_endian_file_are_read() -> None:
    pixels = quarters(1000, 2000, 2500, 3000)
    assert seen(hostile_files.deflated(dataset(pixels))) == [0, 128, 191, 255]
    written = dataset(pixels)
    written.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    written.PixelData = pixels.astype(">u2").tobytes()
    assert seen(as_bytes(written)) == [0, 128, 191, 255]


def test_of_several_frames_the_first_is_the_film() -> None:
    first, second = quarters(0, 1, 2, 3), quarters(9, 9, 9, 9)
    written = dataset(first, NumberOfFrames="2", PixelData=first.tobytes() + second.tobytes())
    assert seen(as_bytes(written)) == [0, 85, 170, 255]


@pytest.mark.parametrize("stored", [9, 10, 13, 15])
def test_an_odd_number_of_stored_bits_is_read(stored: int) -> None:
    top = 2**stored - 1
    data = dicom(quarters(0, top // 3, top // 3 * 2, top), BitsStored=stored, HighBit=stored - 1)
    assert seen(data) == pytest.approx([0, 85, 170, 255], abs=1)


def test_files_without_preamble_or_file_meta_information_are_read() -> None:
    pixels = quarters(1000, 2000, 2500, 3000)
    assert seen(dicom_files.without_preamble(dicom(pixels))) == [0, 128, 191, 255]
    assert seen(dicom_files.implicit(dataset(pixels))) == [0, 128, 191, 255]


def test_floating_point_pixels_are_spread_and_what_is_no_number_is_black() -> None:
    pixels = quarters(0, 0, 1, 2).astype(np.float32)
    pixels[0, :3] = np.nan, np.inf, -np.inf
    written = dataset(quarters(0, 0, 0, 0), BitsAllocated=32, BitsStored=None, HighBit=None)
    del written.PixelData, written.PixelRepresentation
    written.FloatPixelData = pixels.tobytes()
    assert seen(as_bytes(written)) == [0, 0, 128, 255]
    grey = np.asarray(radiograph.load(as_bytes(written)).image)
    assert grey[0, :3].tolist() == [0, 255, 0]


def test_nothing_of_the_tags_is_left() -> None:
    data = dicom(hostile_files.film(), PatientComments="Fantoma", InstitutionName="Clinica Exemplo")
    assert b"Fantoma" in data and b"000-PHANTOM" in data
    film = radiograph.load(data)
    assert not film.image.info
    for copy in (film.clean_copy(), film.thumbnail()):
        for text in (b"Fantoma", b"000-PHANTOM", b"19700101", b"Clinica", b"1.2.826", b"DICM"):
            assert text not in copy
        with Image.open(io.BytesIO(copy)) as image:
            assert (image.format, image.mode) == ("JPEG", "L")


def test_a_file_without_pixels_is_refused_in_its_own_words() -> None:
    written = dataset(hostile_files.film())
    del written.PixelData
    pdf = dataset(hostile_files.film(), SOPClassUID=EncapsulatedPDFStorage)
    del pdf.PixelData
    pdf.EncapsulatedDocument = b"%PDF-1.7 "
    for one in (written, pdf):
        with pytest.raises(UnreadableImage, match="no picture"):
            radiograph.load(as_bytes(one))


@pytest.mark.parametrize("name", ["Rows", "Columns", "BitsAllocated", "PhotometricInterpretation"])
def test_a_file_that_does_not_say_how_its_pixels_lie_is_refused(name: str) -> None:
    with pytest.raises(UnreadableImage):
        radiograph.load(dicom(hostile_files.film(), **{name: None}))


def test_the_size_is_read_before_the_pixels() -> None:
    with pytest.raises(UnreadableImage, match="25 million"):
        radiograph.load(hostile_files.dicom_claiming(5001, 5000))
    with pytest.raises(UnreadableImage, match="too small"):
        radiograph.load(hostile_files.dicom_claiming(31, 96))


def test_the_word_in_its_usual_place_makes_no_film() -> None:
    with pytest.raises(UnreadableImage):
        radiograph.load(bytes(128) + b"DICM" + bytes(400))
    with pytest.raises(NotAnImage):
        radiograph.load(bytes(127) + b"DICM" + bytes(400))
