"""Which kinds of files are taken, told by their first bytes: never by a name or a type."""

import enum

# What a phone calls its still pictures. AVIF has brands of its own and is not among them.
HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
AVIF_BRANDS = frozenset({b"avif", b"avis"})
# DICOM without its preamble begins with the group of the transfer syntax or, older still, with
# the one that says what the image is.
DICOM_STARTS = (
    b"\x02\x00\x00\x00UL\x04\x00",
    b"\x02\x00\x01\x00OB\x00\x00",
    b"\x08\x00\x05\x00CS",
    b"\x08\x00\x08\x00CS",
    b"\x08\x00\x16\x00UI",
    b"\x08\x00\x00\x00\x04\x00\x00\x00",
    b"\x08\x00\x16\x00\x1a\x00\x00\x00",
)


class Kind(enum.Enum):
    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WEBP"
    HEIF = "HEIF"
    DICOM = "DICOM"


def kind_of(data: bytes) -> Kind | None:
    """The kind of a file by its beginning; None for every kind that is not taken."""
    if data.startswith(b"\xff\xd8\xff"):
        return Kind.JPEG
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind.PNG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Kind.WEBP
    if data[4:8] == b"ftyp":
        return Kind.HEIF if _is_heif(data) else None
    if data[128:132] == b"DICM" or data.startswith(DICOM_STARTS):
        return Kind.DICOM
    return None


def _is_heif(data: bytes) -> bool:
    size = min(int.from_bytes(data[:4], "big"), 256)
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, size - 3, 4))}
    return bool(brands & HEIF_BRANDS) and not brands & AVIF_BRANDS
