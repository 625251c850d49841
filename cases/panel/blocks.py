"""What the case page shows: films, their fixtures, and the implants to choose from."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from cases import candidates, tilted
from cases.models import CaseImage, Finding, ReferenceProposal, Result
from cases.panel.forms import NEGATIVE, Said
from cases.ranking import Ranked
from cases.shown import mark_of
from cases.verdicts import is_marked
from implants.models import Implant, ReferenceImage
from implants.vocabulary import FEATURES
from matching import quality
from matching.confidence import Band
from matching.encoder import is_untrained
from matching.features import Difference, differences, label_of
from matching.look_alikes import families

# Each has a key of its own.
SHOWN = 9
COMPARED = 3


@dataclass(frozen=True)
class Pick:
    """An implant that can be ticked for a fixture: a candidate, or one that was searched.

    `number` is its place on the page; `ranked` what the live ranking says of it.
    """

    finding: Finding
    implant: Implant
    result: Result | None = None
    ranked: Ranked | None = None
    number: int | None = None
    is_ticked: bool = False

    @property
    def value(self) -> str:
        return f"{self.finding.pk}:{self.implant.pk}"

    @property
    def similarity(self) -> float | None:
        known = self.ranked or self.result
        return known.similarity if known else None

    @cached_property
    def reference(self) -> ReferenceImage | None:
        """The reference that was compared; where none was or it is gone, the implant's picture."""
        if self.ranked:
            return self.ranked.reference
        compared = self.result.reference_image if self.result else None
        return compared or self.implant.picture

    @property
    def crop_json(self) -> str:
        return _json(self.reference.crop if self.reference else None)

    @cached_property
    def references(self) -> list[ReferenceImage]:
        """All that can stand beside the film: what `reference` is, then the other active and
        readable ones of the implant (uses a prefetch when there is one)."""
        first = self.reference
        usable = (one for one in self.implant.references.all() if one.is_active and not one.error)
        return [first, *(one for one in usable if one != first)] if first else []

    @property
    def references_json(self) -> str:
        """What compare.js loads of each reference: src, width, height and crop."""
        return json.dumps([_loaded(one) for one in self.references])

    @property
    def proposal(self) -> ReferenceProposal | None:
        proposals = self.finding.proposals.all()
        return next((one for one in proposals if one.implant_id == self.implant.pk), None)

    @property
    def is_reference_gone(self) -> bool:
        result = self.result
        if result is None or self.ranked:
            return False
        return result.rank is not None and result.reference_image is None

    @property
    def contradictions(self) -> list[str]:
        return [label_of(name) for name in self.ranked.contradictions] if self.ranked else []

    @property
    def sank_from(self) -> int | None:
        """Its place before the reviewer said what she sees, where it is another one now."""
        before = self.ranked.rank if self.ranked else None
        return before if before != self.number else None


@dataclass(frozen=True)
class SeenField:
    """One question of "What do you see?"."""

    feature: str
    value: str

    @property
    def label(self) -> str:
        return capfirst(label_of(self.feature))

    @property
    def words(self) -> list[tuple[str, str | Promise]]:
        return list(FEATURES[self.feature].choices)


@dataclass(frozen=True)
class FixtureBlock:
    """A fixture with its candidates, and what was said about it.

    `number` counts the fixtures of the case, as they are numbered in its answer; `fitting` of
    `total` active implants are contradicted by nothing that was seen, None where nothing is
    known of that; `problem` says why there is no live ranking, `is_brief` that it is still to be
    asked for. `given` is the sender's tooth, where it can only be that of this fixture.
    """

    finding: Finding
    number: int
    candidates: list[Pick]
    others: list[Pick]
    said: Said
    is_cut: bool = False
    is_brief: bool = False
    fitting: int | None = None
    total: int | None = None
    problem: str = ""
    own_tooth: int | None = None
    given: int | None = None

    @property
    def tooth(self) -> int | None:
        return self.own_tooth or self.given

    @property
    def is_proposed(self) -> bool:
        """Whether the finder put the box there, and nobody has moved it or decided."""
        finding = self.finding
        return bool(finding.box) and not is_marked(finding) and not finding.outcome

    @property
    def name(self) -> str:
        return _("Fixture %(number)d") % {"number": self.number}

    @property
    def box_json(self) -> str:
        return _json(self.finding.box)

    @property
    def mark(self) -> str:
        return mark_of(self.finding)

    @property
    def tooth_typed(self) -> str:
        """What stands in the field: as typed, else what is known. A sender's tooth that nobody
        touched is what the sender says now."""
        if self.said.tooth is None:
            return str(self.tooth or "")
        return str(self.given) if self.given and self.said.is_tooth_given else self.said.tooth

    @property
    def is_negative(self) -> bool:
        return self.said.outcome in NEGATIVE

    @property
    def top(self) -> list[Pick]:
        return self.candidates[:COMPARED]

    @property
    def further(self) -> list[Pick]:
        return self.candidates[COMPARED:]

    @property
    def encoders(self) -> list[str]:
        return sorted({pick.result.encoder for pick in self.candidates if pick.result} - {""})

    @property
    def is_random(self) -> bool:
        """Candidates of an encoder without skill stay worthless after another is configured."""
        return any(map(is_untrained, self.encoders))

    @property
    def seen_fields(self) -> list[SeenField]:
        return [SeenField(name, self.said.seen.get(name, "")) for name in FEATURES]

    @property
    def seen_words(self) -> list[tuple[str, str | Promise]]:
        """What was seen, in words: label and word."""
        shown = (one for one in self.seen_fields if one.value)
        return [(one.label, dict(one.words)[one.value]) for one in shown]

    @cached_property
    def differences(self) -> list[Difference]:
        return differences([pick.implant for pick in self.top])

    @property
    def shown_band(self) -> str:
        """Empty for an untrained encoder: the whole page says so."""
        return self.finding.band if self.finding.band != Band.UNTRAINED else ""

    @cached_property
    def chance_percent(self) -> int | None:
        """How often the comparison's first candidate was right in decisions that stood alike;
        None while too few are known, and for a fixture that is decided."""
        told = None if self.finding.outcome else candidates.chance(self.finding)
        return None if told is None else round(100 * told)

    @cached_property
    def look_alikes(self) -> list[list[Pick]]:
        """Candidates that a film does not tell apart, with one of the first among them."""
        picks = {pick.implant.pk: pick for pick in self.candidates}
        alike = families([pick.implant for pick in self.candidates])
        groups = [[picks[implant.pk] for implant in group] for group in alike if len(group) > 1]
        return [group for group in groups if any(pick in self.top for pick in group)]

    @property
    def approved(self) -> list[Pick]:
        picks = [*self.candidates, *self.others]
        return [pick for pick in picks if pick.result and pick.result.approved]


@dataclass(frozen=True)
class FilmBlock:
    image: CaseImage
    number: int
    fixtures: list[FixtureBlock]

    @property
    def suggested(self) -> list[dict[str, float]]:
        """Boxes that the finder proposes where nobody has marked a fixture yet."""
        marked = [block.finding.box for block in self.fixtures if block.finding.box]
        proposed = self.image.suggested_boxes or ()
        return [box for box in proposed if not any(_is_same(box, one) for one in marked)]

    @property
    def doubts(self) -> list[str]:
        """In words: what was measured, and what the reviewer says."""
        said = [_("The reviewer says that the film is tilted.")] if self.is_tilted else []
        return [*quality.in_words(self.image.doubts or ()), *said]

    @property
    def is_tilted(self) -> bool:
        return tilted.is_tilted(self.image)

    @property
    def suggested_json(self) -> list[str]:
        return [_json(box) for box in self.suggested]

    @property
    def box_fields(self) -> list[tuple[str, str, Any]]:
        """Name, label and proposed value of the fields of a box."""
        first = self.suggested[0] if self.suggested else {}
        labels = {
            "x": _("Centre, from the left"),
            "y": _("Centre, from the top"),
            "width": _("Width"),
            "height": _("Length"),
            "angle": _("Angle (degrees)"),
        }
        return [(name, label, first.get(name, "")) for name, label in labels.items()]


def _is_same(box: Mapping[str, float], other: Mapping[str, float]) -> bool:
    """Whether the middles of two boxes lie closer than half the length of the shorter one."""
    apart = math.hypot(box["x"] - other["x"], box["y"] - other["y"])
    return apart < min(box["height"], other["height"]) / 2


def _loaded(reference: ReferenceImage) -> dict[str, Any]:
    return {
        "src": reverse("admin:implants_referenceimage_file", args=[reference.pk]),
        "width": reference.width,
        "height": reference.height,
        "crop": reference.crop,
    }


def _json(box: Mapping[str, float] | None) -> str:
    return json.dumps(box) if box else ""
