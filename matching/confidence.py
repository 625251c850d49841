"""How clearly the first candidate stands before the others, as a band."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from django.db import models
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from matching import calibration
from matching.calibration import Limits, Measured, of_current_encoder
from matching.encoder import has_random_weights, is_untrained
from matching.scoring import Standing


class Band(models.TextChoices):
    """Bands, no probability: that needs decisions of people (see `matching.calibration`)."""

    HIGH = "high", gettext_lazy("high")
    MEDIUM = "medium", gettext_lazy("medium")
    LOW = "low", gettext_lazy("low")
    UNTRAINED = "untrained", gettext_lazy("none: untrained encoder")


# Lowe's ratio test (IJCV 2004, 60:91): the distance of the nearest over that of the next one.
# It needs no absolute cut, which cosines of radiographs, all high and close together, lack.
HIGH_RATIO = 0.6
MEDIUM_RATIO = 0.85


class Scored(Protocol):
    """A ranked candidate, or the stored result of one."""

    @property
    def similarity(self) -> float: ...
    @property
    def encoder(self) -> str: ...


def band(
    candidates: Sequence[Scored],
    *,
    limits: Limits | None = None,
    is_unknown: bool | None = None,
    doubts: Collection[str] = (),
) -> str:
    """The band of ranked candidates (distinct implants, best first); empty without any.

    By the `limits` of their encoder, or without any by Lowe's ratio. Candidates of an encoder
    with random weights are always `untrained`; one alone, and one that `is_unknown`, is `low`.
    Doubts about the film, however many, lower it by one.
    """
    if not candidates:
        return ""
    if is_untrained(candidates[0].encoder):
        return Band.UNTRAINED
    if is_unknown or len(candidates) < 2:
        return Band.LOW
    first, second = (candidate.similarity for candidate in candidates[:2])
    told = _by_lead(first - second, limits) if limits else _by_ratio(1 - first, 1 - second)
    return _lowered(told) if doubts else told


def probability(candidates: Sequence[Scored], *, limits: Limits | None) -> float | None:
    """That the first of ranked candidates is right, 0…1; None while too few decisions have
    shown it (see `matching.calibration`), and for one that stands alone."""
    if len(candidates) < 2:
        return None
    first, second = (candidate.similarity for candidate in candidates[:2])
    return calibration.probability(Standing(first, first - second, None), limits)


def _by_lead(lead: float, limits: Limits) -> Band:
    if limits.high is not None and lead >= limits.high:
        return Band.HIGH
    return Band.MEDIUM if limits.medium is not None and lead >= limits.medium else Band.LOW


def _by_ratio(first: float, second: float) -> Band:
    ratio = first / second if second > 0 else 1.0
    if ratio <= HIGH_RATIO:
        return Band.HIGH
    return Band.MEDIUM if ratio <= MEDIUM_RATIO else Band.LOW


def _lowered(told: Band) -> Band:
    return Band.MEDIUM if told == Band.HIGH else Band.LOW


def lowest(bands: Iterable[str]) -> str:
    """The least certain of some bands; empty without any. Empty ones do not count."""
    order = [*Band]
    return max(filter(None, bands), key=lambda one: order.index(Band(one)), default="")


def rule_in_words() -> list[str]:
    """How the encoder in use comes to its bands, in sentences."""
    if has_random_weights():
        return [_("The encoder has random weights: it has no confidence to tell.")]
    measured = of_current_encoder()
    sentences = _measured_rule(measured) if measured else _ratio_rule()
    return [
        *sentences,
        _(
            "Doubts about the film (tilted, small, little contrast, several fixtures in one mark)"
            " lower the band by one step."
        ),
        _("A case has the lowest band of its fixtures."),
    ]


def _ratio_rule() -> list[str]:
    return [
        _(
            "Nothing was measured for this encoder yet. High: the film lies at most %(high)s times"
            " as far from the first implant as from the second; medium: at most %(medium)s times;"
            " low: otherwise."
        )
        % {"high": _number(HIGH_RATIO), "medium": _number(MEDIUM_RATIO)},
    ]


def _measured_rule(measured: Measured) -> list[str]:
    limits, figures = measured.limits, measured.figures
    unknown = [] if limits.similarity is None else [_unknown_in_words(limits, figures)]
    return [
        _band_in_words(Band.HIGH, limits.high, figures),
        _band_in_words(Band.MEDIUM, limits.medium, figures),
        _("Low: less than that."),
        *unknown,
        _("Measured with manage.py calibrate on %(films)s held-out films (%(source)s).")
        % {"films": figures.get("films", 0), "source": figures.get("source", "")},
        *([_("Phantoms are not patients.")] if figures.get("is_phantoms") else []),
        *([_probability_in_words(figures)] if limits.probability else []),
    ]


def _band_in_words(told: Band, limit: float | None, figures: Mapping[str, Any]) -> str:
    name = {"band": str(told.label).capitalize()}
    if limit is None:
        return _("%(band)s: never, as no lead was enough where it was measured.") % name
    reached = figures.get(str(told)) or {}
    said = {**name, "limit": _number(limit), "count": reached.get("count", 0)}
    if not reached.get("count"):
        return (
            _("%(band)s: the first implant is at least %(limit)s more similar than the second.")
            % said
        )
    return _(
        "%(band)s: the first implant is at least %(limit)s more similar than the second. Of"
        " %(count)s such held-out films %(share)s showed it."
    ) % {**said, "share": f"{reached['precision']:.0%}"}


def _unknown_in_words(limits: Limits, figures: Mapping[str, Any]) -> str:
    return _(
        "Perhaps not in the catalogue (then the band is low): the first implant is less similar"
        " than %(similarity)s, or less than %(gap)s more similar than the next one that does not"
        " look alike. Of the implants that were left out on purpose %(missed)s were taken for"
        " another one even so, and of those in the catalogue %(refused)s were not recognised."
    ) % {
        "similarity": _number(limits.similarity or 0.0),
        "gap": _number(limits.gap or 0.0),
        "missed": f"{figures.get('false_accept') or 0.0:.0%}",
        "refused": f"{figures.get('false_reject') or 0.0:.0%}",
    }


def _probability_in_words(figures: Mapping[str, Any]) -> str:
    return _(
        "The probability says how often the first implant was right among %(decisions)s decisions"
        " about candidates that stood alike."
    ) % {"decisions": figures.get(calibration.DECISIONS, 0)}


def _number(value: float) -> str:
    return number_format(value, 3)
