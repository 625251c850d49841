"""How clearly the first candidate stands before the others, as a band."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from django.db import models
from django.utils.translation import gettext_lazy as _

from matching.encoder import is_untrained


class Band(models.TextChoices):
    """Bands, no probability: nothing is calibrated before enough decisions exist."""

    HIGH = "high", _("high")
    MEDIUM = "medium", _("medium")
    LOW = "low", _("low")
    UNTRAINED = "untrained", _("none: untrained encoder")


# Lowe's ratio test (IJCV 2004, 60:91): the distance of the nearest over that of the next one.
# It needs no absolute cut, which cosines of radiographs, all high and close together, lack.
HIGH_RATIO = 0.6
MEDIUM_RATIO = 0.85


class Measured(Protocol):
    """A ranked candidate, or the stored result of one."""

    @property
    def similarity(self) -> float: ...
    @property
    def encoder(self) -> str: ...


def band(candidates: Sequence[Measured]) -> str:
    """The band of ranked candidates (distinct implants, best first); empty without any.

    Candidates of an encoder with random weights are always `untrained`; one alone is `low`.
    """
    if not candidates:
        return ""
    if is_untrained(candidates[0].encoder):
        return Band.UNTRAINED
    if len(candidates) < 2:
        return Band.LOW
    first, second = (1.0 - candidate.similarity for candidate in candidates[:2])
    ratio = first / second if second > 0 else 1.0
    if ratio <= HIGH_RATIO:
        return Band.HIGH
    return Band.MEDIUM if ratio <= MEDIUM_RATIO else Band.LOW


def lowest(bands: Iterable[str]) -> str:
    """The least certain of some bands; empty without any. Empty ones do not count."""
    order = [*Band]
    return max(filter(None, bands), key=lambda one: order.index(Band(one)), default="")
