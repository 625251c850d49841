"""What must be known of a PNG, a WebP or a JPEG before a decoder may see it."""

import zlib
from collections.abc import Iterator

# All that the pixels and their orientation need. Text and profiles are packed, and may unpack
# to more memory than the film itself.
PNG_NEEDED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf"})
PNG_HEAD = 8
HEIF_BOXES = frozenset({b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip", b"uuid", b"idat"})
# A progressive JPEG has about ten; each costs as much time as the whole picture.
MOST_SCANS = 64


def needed_png(data: bytes) -> bytes:
    """The PNG without the parts that no film needs. A damaged rest stays as it is, to be
    refused by the decoder."""
    return data[:PNG_HEAD] + b"".join(_needed_chunks(data))


def _needed_chunks(data: bytes) -> Iterator[bytes]:
    at = PNG_HEAD
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if end > len(data) or kind in PNG_NEEDED or not kind.isalpha():
            yield data[at:end]
        if kind == b"IEND":
            return
        at = end


def is_deep_colour_png(data: bytes) -> bool:
    """Whether it has 16 bits of more than plain grey: Pillow keeps 8 of them."""
    return data[12:16] == b"IHDR" and data[24:25] == b"\x10" and data[25:26] != b"\0"


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that the header claims: the decoder allocates them when it opens."""
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        return None
    if kind == b"VP8X":
        sides = body[4:7], body[7:10]
        return int.from_bytes(sides[0], "little") + 1, int.from_bytes(sides[1], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        sides = body[6:8], body[8:10]
        return tuple(int.from_bytes(side, "little") & 0x3FFF for side in sides)  # type: ignore[return-value]
    return None


def has_too_many_scans(data: bytes) -> bool:
    return data.count(b"\xff\xda") > MOST_SCANS


def is_cut_heif(data: bytes) -> bool:
    """Whether one of its boxes reaches beyond the end: the decoder fills missing tiles with
    nothing instead of refusing them. What follows the boxes is of no interest."""
    at = 0
    while data[at + 4 : at + 8] in HEIF_BOXES:
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if at + size > len(data):
            return True
        if size < 8:
            return False
        at += size
    return False


def turns_itself(heif: bytes) -> bool:
    """Whether a HEIF says itself how it is turned; then its EXIF says it once more."""
    return b"irot" in heif or b"imir" in heif


def inflates_to_more_than(packed: bytes, most: int) -> bool:
    """Whether a raw deflate stream unpacks to more than `most` bytes; at most that is unpacked."""
    inflater, size, rest = zlib.decompressobj(-zlib.MAX_WBITS), 0, packed
    while rest and not inflater.eof and size <= most:
        size += len(inflater.decompress(rest, 1 << 20))
        rest = inflater.unconsumed_tail
    return size > most
