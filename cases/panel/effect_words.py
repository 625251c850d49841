"""The test of a proposed reference, in words for the curator."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cases.learning import DECISION, Effect, Moved
from implants.models import Implant


@dataclass(frozen=True)
class MovedLine:
    """One decision or reference that would come out worse."""

    is_decision: bool
    implant: Implant | None
    before: int
    after: int
    first: Implant | None


@dataclass(frozen=True)
class EffectBlock:
    """`data` is what `ReferenceProposal.effect` holds."""

    data: Mapping[str, Any] | None

    @cached_property
    def effect(self) -> Effect:
        return Effect.of(dict(self.data or {}))

    @property
    def is_known(self) -> bool:
        return self.data is not None

    @property
    def is_untrained(self) -> bool:
        return self.is_known and not self.effect.encoder

    @property
    def despite(self) -> str:
        """Why it was accepted all the same."""
        return str((self.data or {}).get("despite", ""))

    @property
    def compared(self) -> str:
        decisions = ngettext(
            "%(number)d earlier decision", "%(number)d earlier decisions", self.effect.decisions
        ) % {"number": self.effect.decisions}
        references = ngettext(
            "%(number)d reference", "%(number)d references", self.effect.references
        ) % {"number": self.effect.references}
        return _("Tried on %(decisions)s and %(references)s that look most like it.") % {
            "decisions": decisions,
            "references": references,
        }

    @property
    def better(self) -> str:
        return ngettext(
            "%(number)d would come out better.",
            "%(number)d would come out better.",
            self.effect.better,
        ) % {"number": self.effect.better}

    @property
    def worse(self) -> str:
        return ngettext(
            "%(number)d would come out worse.",
            "%(number)d would come out worse.",
            self.effect.worse,
        ) % {"number": self.effect.worse}

    @cached_property
    def lines(self) -> list[MovedLine]:
        moved = self.effect.moved
        ids = {pk for one in moved for pk in (one.implant, one.first)}
        implants = Implant.objects.in_bulk(ids)
        return [_line(one, implants) for one in moved]

    @property
    def left_out(self) -> int:
        """How many more there are than are told."""
        return self.effect.worse - len(self.effect.moved)


def _line(one: Moved, implants: Mapping[int, Implant]) -> MovedLine:
    return MovedLine(
        one.kind == DECISION,
        implants.get(one.implant),
        one.before,
        one.after,
        implants.get(one.first),
    )
