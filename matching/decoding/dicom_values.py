"""From stored values to what a DICOM viewer would show."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from matching.decoding import pixels
from matching.decoding.pixels import Array

# A range of values so small is looked up in a table instead of computed for every pixel.
TABLE = 1 << 16
SPOKEN_OF = ("ModalityLUTSequence", "VOILUTSequence", "WindowCenter")


def shown(stored: Array, dataset: Any) -> Array:
    """Stored values (height, width) as uint8: through the modality LUT or rescale, then the VOI
    LUT or window, both where there are any; without the latter by the real range."""
    if _is_shown_as_stored(stored, dataset):
        return stored
    low, high = pixels.real_range(stored)
    modality = _modality(dataset)
    if stored.dtype.kind == "f" or high - low >= TABLE:
        return _window(dataset)(modality(stored.astype(np.float64)))
    table = _table(stored, int(low), int(high), modality, _window(dataset))
    return _looked_up(stored, table, int(low))


def _is_shown_as_stored(stored: Array, dataset: Any) -> bool:
    """Eight bits with nothing said about them are what any other picture has."""
    is_plain = stored.dtype == np.uint8 and dataset.get("BitsStored") == 8
    rescale = _number(dataset, "RescaleSlope") or 1, _number(dataset, "RescaleIntercept") or 0
    return is_plain and rescale == (1, 0) and not any(name in dataset for name in SPOKEN_OF)


def _table(
    stored: Array, low: int, high: int, modality: Callable[[Array], Array], window: Any
) -> Array:
    """The grey of each value from `low` to `high`. One that occurs nowhere takes the place of
    one that does, so that it does not widen the range."""
    occurs = np.zeros(high - low + 1, bool)
    for rows in pixels.strips(len(stored)):
        occurs[stored[rows].astype(np.int64) - low] = True
    values = np.arange(low, high + 1, dtype=np.float64)
    values[~occurs] = low
    greys: Array = window(modality(values[np.newaxis]))[0]
    return greys


def _looked_up(stored: Array, table: Array, low: int) -> Array:
    grey = np.empty(stored.shape, np.uint8)
    for rows in pixels.strips(len(stored)):
        grey[rows] = table[stored[rows].astype(np.int64) - low]
    return grey


def _modality(dataset: Any) -> Callable[[Array], Array]:
    lookup = _lookup_table(dataset, "ModalityLUTSequence")
    if lookup:
        return lookup
    slope, intercept = _number(dataset, "RescaleSlope"), _number(dataset, "RescaleIntercept")
    if not slope:
        return lambda values: values
    return lambda values: values * slope + (intercept or 0.0)


def _window(dataset: Any) -> Callable[[Array], Array]:
    """Values → uint8. A window in which nothing of the film can be told apart is ignored."""
    curve = _curve(dataset)

    def to_grey(values: Array) -> Array:
        by_range = pixels.between(values, *pixels.real_range(values))
        windowed = curve(values) if curve else None
        if windowed is None or windowed.min() == windowed.max():
            return by_range
        return windowed

    return to_grey


def _curve(dataset: Any) -> Callable[[Array], Array] | None:
    lookup = _lookup_table(dataset, "VOILUTSequence")
    if lookup:
        darkest, lightest = lookup.darkest, lookup.lightest
        return lambda values: pixels.between(lookup(values), darkest, lightest)
    centre, width = _number(dataset, "WindowCenter"), _number(dataset, "WindowWidth")
    if centre is None or width is None or width <= 0:
        return None
    return _windowed(centre, width, str(dataset.get("VOILUTFunction") or "LINEAR").upper())


def _windowed(centre: float, width: float, function: str) -> Callable[[Array], Array]:
    """PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    if function == "SIGMOID":
        return lambda values: pixels.between(
            1 / (1 + np.exp((-4 * (values - centre) / width).clip(-700, 700))), 0.0, 1.0
        )
    if function == "LINEAR_EXACT":
        return lambda values: pixels.between(values, centre - width / 2, centre + width / 2)
    centre, width = centre - 0.5, width - 1
    if width <= 0:
        return lambda values: np.where(values > centre, np.uint8(255), np.uint8(0))
    return lambda values: pixels.between(values, centre - width / 2, centre + width / 2)


class _Lookup:
    """A table of a LUT sequence; what lies outside of it takes its first or last entry."""

    def __init__(self, entries: Array, first: int) -> None:
        self._entries, self._first = entries.astype(np.float64), first
        self.darkest, self.lightest = float(entries.min()), float(entries.max())

    def __call__(self, values: Array) -> Array:
        places = (values.round() - self._first).clip(0, len(self._entries) - 1)
        found: Array = self._entries[places.astype(np.int64)]
        return found


def _lookup_table(dataset: Any, name: str) -> _Lookup | None:
    """The first table of a sequence; None where there is none, or it cannot be used."""
    sequence = dataset.get(name)
    if not sequence:
        return None
    item, is_signed = sequence[0], bool(dataset.get("PixelRepresentation"))
    descriptor = _integers(item.get("LUTDescriptor"), is_signed=is_signed)
    if len(descriptor) != 3:
        return None
    count = int(descriptor[0]) & 0xFFFF or TABLE
    entries = _integers(item.get("LUTData"), bytes_each=_bytes_each(item, count))[:count]
    if not len(entries) or not entries.max() > entries.min():
        return None
    return _Lookup(entries, int(descriptor[1]))


def _bytes_each(item: Any, count: int) -> int:
    data = item.get("LUTData")
    return 1 if isinstance(data, bytes) and len(data) < 2 * count else 2


def _integers(value: Any, *, bytes_each: int = 2, is_signed: bool = False) -> Array:
    """Whole numbers that the reader may have left as bytes, for it could not tell what they
    are."""
    if isinstance(value, bytes):
        return np.frombuffer(
            value[: len(value) // bytes_each * bytes_each],
            dtype=f"<{'i' if is_signed else 'u'}{bytes_each}",
        ).astype(np.int64)
    return np.atleast_1d(np.asarray(value if value is not None else [], dtype=np.int64))


def _number(dataset: Any, name: str) -> float | None:
    """The first number of an element; None where there is none that could be used."""
    try:
        value = float(np.atleast_1d(np.asarray(dataset.get(name), dtype=object))[0])
    except (TypeError, ValueError, IndexError):
        return None
    return value if math.isfinite(value) else None
