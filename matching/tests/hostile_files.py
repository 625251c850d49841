"""Files that try to harm a decoder, all rendered here, and sound ones of every kind."""

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, JPEGLosslessSV1, JPEGLSLossless

from matching.tests import dicom_files

MEBIBYTE = 1024 * 1024

pillow_heif.register_heif_opener()


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def film(size: tuple[int, int] = (96, 128), *, most: int = 255) -> np.ndarray[Any, Any]:
    """Grain on a gradient: (height, width) whole numbers, packed to some ten kilobytes."""
    width, height = size
    grain = np.random.default_rng(7).integers(0, most // 8 + 1, (height, width))
    slope = np.linspace(0, most * 3 / 4, width)[np.newaxis] + np.zeros((height, 1))
    return (slope + grain).astype(np.uint8 if most < 256 else np.uint16)


def sound() -> dict[str, bytes]:
    """A film in every kind that is taken."""
    grey, deep = film(), film(most=4095)
    image = Image.fromarray(grey)
    return {
        "jpeg": encoded(image.convert("RGB"), "JPEG", quality=90),
        "progressive": encoded(image, "JPEG", quality=90, progressive=True),
        "mpo": encoded(image, "MPO", save_all=True, append_images=[image]),
        "png": encoded(image, "PNG"),
        "png of 16 bits": encoded(Image.fromarray(deep), "PNG"),
        "webp": encoded(image.convert("RGB"), "WEBP", quality=90),
        "lossless webp": encoded(image, "WEBP", lossless=True),
        "animated webp": encoded(image, "WEBP", save_all=True, append_images=[image.rotate(9)]),
        "heic": encoded(image.convert("RGB"), "HEIF", quality=80),
        "heic of tiles": encoded(Image.fromarray(film((160, 160))), "HEIF", tile_size=64),
        "dicom": dicom_files.dicom(deep, BitsStored=12, HighBit=11),
        "dicom jpeg": dicom_files.packed(grey, JPEGBaseline8Bit),
        "dicom lossless jpeg": dicom_files.packed(deep, JPEGLosslessSV1),
        "dicom jpeg-ls": dicom_files.packed(deep, JPEGLSLossless),
        "dicom jpeg 2000": dicom_files.packed(deep, JPEG2000Lossless),
        "dicom deflated": deflated(dicom_files.dataset(deep)),
    }


def png_chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def png(width: int, height: int, *parts: bytes, depth: int = 1, colours: int = 0) -> bytes:
    """A PNG of zeros of any size in a few bytes; `parts` are chunks before the pixels."""
    bits = depth * {0: 1, 2: 3, 4: 2, 6: 4}[colours]
    row = bytes(1 + (width * bits + 7) // 8)
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    body = [png_chunk(b"IHDR", header), *parts, png_chunk(b"IDAT", rows), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def png_head(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zeros(99))


def zeros(size: int) -> bytes:
    return zlib.compress(bytes(size), 9)


def png_with_packed_text(size: int) -> bytes:
    text = b"Comment\0\0" + zeros(size)
    profile = b"icc\0\0" + zeros(size)
    international = b"Title\0\1\0\0\0" + zeros(size)
    return png(
        96,
        128,
        png_chunk(b"zTXt", text),
        png_chunk(b"iCCP", profile),
        png_chunk(b"iTXt", international),
    )


def jpeg_claiming(width: int, height: int) -> bytes:
    """A JPEG of 96 × 128 pixels whose header says otherwise."""
    data = bytearray(encoded(Image.fromarray(film()), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def jpeg_of_scans(number: int) -> bytes:
    """A progressive JPEG of 24 Mpx whose last scan comes again and again."""
    data = _progressive()
    end = data.rindex(b"\xff\xda")
    return data[:-2] + data[end:-2] * number + b"\xff\xd9"


@cache
def _progressive() -> bytes:
    return encoded(Image.new("L", (4900, 4900), 90), "JPEG", progressive=True)


def webp_claiming(width: int, height: int) -> bytes:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("black", "white")]
    data = bytearray(encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]))
    at = data.index(b"VP8X") + 12
    data[at : at + 6] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


def heic_claiming(width: int, height: int, *, tiles: bool = False) -> bytes:
    """A HEIF in which every size of its boxes, and of the grid of its tiles, is another."""
    options = {"tile_size": 64} if tiles else {}
    side = 128
    data = encoded(Image.fromarray(film((side, side))), "HEIF", **options)
    return data.replace(struct.pack(">II", side, side), struct.pack(">II", width, height)).replace(
        b"\0\0\1\1" + struct.pack(">HH", side, side),
        b"\0\0\1\1" + struct.pack(">HH", width & 0xFFFF, height & 0xFFFF),
    )


def deflated(written: Any) -> bytes:
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    written.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return dicom_files.as_bytes(written)


def deflated_dicom_bomb(size: int) -> bytes:
    """A DICOM whose dataset unpacks to `size` bytes of zeros."""
    start = deflated(dicom_files.dataset(film()))
    length = int.from_bytes(start[140:144], "little")
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = bytes(MEBIBYTE)
    packed = b"".join(packer.compress(block) for _ in range(size // MEBIBYTE)) + packer.flush()
    return start[: 144 + length] + packed


def dicom_claiming(rows: int, columns: int, **tags: Any) -> bytes:
    written = dicom_files.dataset(film(), **tags)
    written.Rows, written.Columns = rows, columns
    return dicom_files.as_bytes(written)


def dicom_of_a_packed_giant() -> bytes:
    """Says 96 × 128, but its JPEG 2000 is of 30 000 × 30 000."""
    data = bytearray(dicom_files.packed(film(), JPEG2000Lossless))
    at = data.index(b"\xff\x51") + 6
    data[at : at + 8] = struct.pack(">II", 30_000, 30_000)
    return bytes(data)


def nested_dicom(depth: int) -> bytes:
    """Sequences within sequences, none of which ever ends."""
    start = dicom_files.dicom(film())
    at = start.index(b"\x28\x00\x02\x00US")
    sequence = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    return start[:at] + sequence * depth + start[at:]


def dicom_of_elements(number: int) -> bytes:
    """As many empty private elements before the pixels."""
    start = dicom_files.dicom(film())
    at = start.index(b"\x28\x00\x02\x00US")
    elements = (
        b"\x09\x00" + struct.pack("<H", place & 0xFFFF) + b"US\0\0" for place in range(number)
    )
    return start[:at] + b"".join(elements) + start[at:]


# Each is small and asks for far more than a film may have: how it is made, and whether it is
# refused or, at a price that is bounded, read; None where that depends on the machine.
BOMBS: dict[str, tuple[Callable[[], bytes], bool | None]] = {
    "png of 625 Mpx": (lambda: png(25_000, 25_000), False),
    "png of a long line": (lambda: png(200_000, 33), False),
    "png with 90 MB of text": (lambda: png_with_packed_text(90 * MEBIBYTE), True),
    "png of 16-bit colours": (lambda: png(4_990, 5_000, depth=16, colours=6), None),
    "png of 4 exapixels": (lambda: png_head(2**31 - 1, 2**31 - 1), False),
    "webp of 256 Mpx": (lambda: webp_claiming(16_000, 16_000), False),
    "webp of 16383 squared": (lambda: webp_claiming(16_383, 16_383), False),
    "jpeg of 4 Gpx": (lambda: jpeg_claiming(65_500, 65_500), False),
    "jpeg of 60 scans": (lambda: jpeg_of_scans(50), True),
    "jpeg of 5000 scans": (lambda: jpeg_of_scans(5_000), False),
    "heic of 900 Mpx": (lambda: heic_claiming(30_000, 30_000), False),
    "heic of 900 Mpx in tiles": (lambda: heic_claiming(30_000, 30_000, tiles=True), False),
    "heic of 24 Mpx without them": (lambda: heic_claiming(4_900, 4_900), False),
    "dicom of 4 Gpx": (lambda: dicom_claiming(65_535, 65_535), False),
    "dicom of 24 Mpx without them": (lambda: dicom_claiming(4_900, 4_900), False),
    "dicom of a billion frames": (
        lambda: dicom_claiming(128, 96, NumberOfFrames="999999999"),
        False,
    ),
    "dicom of a packed giant": (dicom_of_a_packed_giant, False),
    "dicom that inflates to 600 MB": (lambda: deflated_dicom_bomb(600 * MEBIBYTE), False),
    "dicom of nested sequences": (lambda: nested_dicom(100_000), False),
    "dicom of half a million elements": (lambda: dicom_of_elements(500_000), True),
}


def polyglots() -> dict[str, bytes]:
    """Files that are a sound film to one program and something else to another."""
    jpeg, dicom = sound()["jpeg"], sound()["dicom"]
    page = b"<html><script>alert(document.domain)</script></html>"
    comment = b"\xff\xfe" + struct.pack(">H", len(page) + 2) + page
    return {
        "jpeg and zip": jpeg + b"PK\3\4" + bytes(22) + b"PK\5\6" + bytes(18),
        "jpeg and page": jpeg[:2] + comment + jpeg[2:] + page,
        "jpeg and pdf": jpeg[:2] + comment.replace(page, b"%PDF-1.7 ".ljust(len(page))) + jpeg[2:],
        "png and php": sound()["png"] + b"<?php system($_GET['c']); ?>",
        "png and page": png(96, 128, png_chunk(b"tEXt", b"Title\0" + page)),
        "dicom and program": b"MZ" + page.ljust(126, b"\0") + dicom[128:],
        "dicom and tiff": b"II*\0" + bytes(124) + dicom[128:],
        "heic and page": sound()["heic"] + page,
        "webp and page": sound()["webp"] + page,
    }
