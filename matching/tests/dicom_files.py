"""DICOM files, rendered here: no film of a patient is needed to test how one is read."""

import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
    generate_uid,
)

PATIENT = "Fantoma^Paciente Ficticio"


def dataset(pixels: np.ndarray[Any, Any], **tags: Any) -> Dataset:
    """A dataset of (height, width) or (height, width, 3) whole numbers; tags replace ours, and
    None removes one."""
    written = Dataset()
    written.file_meta = FileMetaDataset()
    written.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    written.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["raiox"])
    written.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    written.SOPClassUID = SecondaryCaptureImageStorage
    written.SOPInstanceUID = written.file_meta.MediaStorageSOPInstanceUID
    written.PatientName = PATIENT
    written.PatientID = "000-PHANTOM"
    written.PatientBirthDate = "19700101"
    is_colour = pixels.ndim == 3
    written.SamplesPerPixel = 3 if is_colour else 1
    written.PhotometricInterpretation = "RGB" if is_colour else "MONOCHROME2"
    if is_colour:
        written.PlanarConfiguration = 0
    written.Rows, written.Columns = pixels.shape[:2]
    bits = pixels.dtype.itemsize * 8
    written.BitsAllocated = written.BitsStored = bits
    written.HighBit = bits - 1
    written.PixelRepresentation = int(pixels.dtype.kind == "i")
    written.PixelData = pixels.tobytes()
    written["PixelData"].VR = "OB" if bits == 8 else "OW"
    for name, value in tags.items():
        if value is None:
            delattr(written, name)
        else:
            setattr(written, name, value)
    return written


def as_bytes(written: Dataset, **options: Any) -> bytes:
    buffer = io.BytesIO()
    written.save_as(buffer, enforce_file_format=True, **options)
    return buffer.getvalue()


def dicom(pixels: np.ndarray[Any, Any], **tags: Any) -> bytes:
    return as_bytes(dataset(pixels, **tags))


def packed(pixels: np.ndarray[Any, Any], syntax: UID, **tags: Any) -> bytes:
    """The same with its pixels compressed."""
    written = dataset(pixels, **tags)
    if syntax in (JPEGLSLossless, RLELossless):
        written.compress(syntax, generate_instance_uid=False)
        return as_bytes(written)
    if syntax == JPEGLosslessSV1:
        return _by_gdcm(written)
    kinds: dict[UID, tuple[str, dict[str, Any]]] = {
        JPEGBaseline8Bit: ("JPEG", {"quality": 95}),
        JPEG2000Lossless: ("JPEG2000", {"irreversible": False, "no_jp2": True}),
        JPEG2000: ("JPEG2000", {"irreversible": True, "no_jp2": True}),
    }
    kind, options = kinds[syntax]
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    if pixels.ndim == 3 and kind == "JPEG":
        written.PhotometricInterpretation = "YBR_FULL_422"
    return encapsulated(written, syntax, buffer.getvalue())


def encapsulated(written: Dataset, syntax: UID, *frames: bytes) -> bytes:
    written.file_meta.TransferSyntaxUID = syntax
    written.PixelData = encapsulate(list(frames))
    written["PixelData"].VR = "OB"
    written["PixelData"].is_undefined_length = True
    return as_bytes(written)


def _by_gdcm(written: Dataset) -> bytes:
    import gdcm

    with tempfile.TemporaryDirectory() as folder:
        plain, lossless = Path(folder) / "plain.dcm", Path(folder) / "lossless.dcm"
        plain.write_bytes(as_bytes(written))
        reader = gdcm.ImageReader()
        reader.SetFileName(str(plain))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(lossless))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return lossless.read_bytes()


def without_preamble(content: bytes) -> bytes:
    return content[132:]


def implicit(written: Dataset) -> bytes:
    """Only the dataset, as older programs wrote it: no preamble, no file meta information."""
    buffer = io.BytesIO()
    del written.file_meta
    pydicom.dcmwrite(
        buffer, written, implicit_vr=True, little_endian=True, enforce_file_format=False
    )
    return buffer.getvalue()
