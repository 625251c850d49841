"""What comes back from the case page."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.http import QueryDict
from django.utils.translation import gettext as _

from cases.models import Case, Finding, RejectionReason
from cases.review import Choice, ReviewError, Shown, Verdict
from cases.shown import marks_of
from cases.verdicts import Kept
from matching.boxes import Box
from matching.features import clean_seen

_CHOICE = re.compile(r"([0-9]{1,18}):([0-9]{1,18})")
_FIELD = re.compile(r"(outcome|reason|listed|tooth|given|seen|q)-([0-9]{1,18})(?:-([a-z_]{1,30}))?")
_MARK = re.compile(r"mark-([0-9]{1,18})")
NEGATIVE = (Finding.Outcome.NOT_IN_CATALOGUE, Finding.Outcome.UNREADABLE)


@dataclass
class Said:
    """What was chosen and typed about one fixture, kept as sent.

    `listed` is the id of a reason of the list; `query` what was searched for; `tooth` is None
    where it was not asked for, `given` the sender's tooth that stood in its field, and
    `asks_seen` whether it was asked what is seen.
    """

    outcome: str = ""
    reason: str = ""
    listed: str = ""
    query: str = ""
    tooth: str | None = None
    given: str = ""
    seen: dict[str, str] = field(default_factory=dict)
    asks_seen: bool = False

    @property
    def is_tooth_given(self) -> bool:
        """Whether the field still says what the sender said."""
        return bool(self.given) and self.tooth is not None and self.tooth.strip() == self.given


@dataclass(frozen=True)
class Decision:
    """What the reviewer ticked and typed, kept as sent, so that a refusal loses nothing, and
    what the page showed: the revision of the case, its marks (`marks_of`; None where it sent
    none) and its internal note."""

    ticked: frozenset[str] = frozenset()
    said: Mapping[int, Said] = field(default_factory=dict)
    reason: str = ""
    note: str = ""
    internal_note: str | None = None
    revision: int | None = None
    marks: Mapping[int, str] | None = None
    note_shown: str = ""

    @classmethod
    def of(cls, data: QueryDict) -> "Decision":
        return cls(
            ticked=frozenset(data.getlist("choice")),
            said=_said(data),
            reason=_typed(data.get("reason", "")),
            note=_typed(data.get("note", "")),
            internal_note=_optional(data.get("internal_note")),
            revision=_revision(data.get("revision")),
            marks=_marks(data),
            note_shown=_typed(data.get("internal_note_shown", "")),
        )

    @property
    def shown(self) -> Shown:
        return Shown(self.marks, self.note_shown)

    @property
    def is_note_touched(self) -> bool:
        """Whether the reviewer wrote something else than the internal note that was shown."""
        typed = self.internal_note
        return typed is not None and typed.strip() != self.note_shown.strip()

    def has_other_note(self, case: Case) -> bool:
        """Whether somebody else changed the internal note that the reviewer changed too."""
        known = (self.note_shown.strip(), (self.internal_note or "").strip())
        return self.is_note_touched and case.internal_note not in known

    def is_outdated(self, case: Case) -> bool:
        findings = [one for film in case.images.all() for one in film.findings.all()]
        is_as_shown = self.marks in (None, marks_of(findings))
        return self.revision not in (None, case.revision) or not is_as_shown

    def about(self, finding_id: int) -> Said:
        return self.said.get(finding_id) or Said()

    def choices(self) -> list[Choice]:
        """Raises ReviewError when a tick box came back with another value than its own."""
        return [_choice(value) for value in sorted(self.ticked)]

    def readable_choices(self) -> list[Choice]:
        return [_choice(value) for value in sorted(self.ticked) if _CHOICE.fullmatch(value)]

    def verdicts(self, numbers: Mapping[int, int], tooth: int | None = None) -> list[Verdict]:
        """One for every fixture that something was said about; `numbers` are those of the
        case (finding id → number for people), `tooth` is what its sender says.

        Raises ReviewError for a tick that is none, for a reason that approving would drop,
        and where nothing was said at all.
        """
        ticked: dict[int, list[int]] = {}
        for choice in self.choices():
            ticked.setdefault(choice.finding_id or 0, []).append(choice.implant_id)
        negative = {pk for pk in numbers if self.about(pk).outcome in NEGATIVE}
        if not ticked and not negative:
            raise ReviewError(_("Select an implant first, or say why there is none."))
        for pk in ticked.keys() & numbers.keys() - negative:
            if self.about(pk).reason.strip():
                raise ReviewError(_dropped_reason(numbers[pk]))
        given = tooth if len(numbers) == 1 else None
        decided = sorted(ticked.keys() | negative)
        return [self._verdict(pk, ticked.get(pk, []), given) for pk in decided]

    def _verdict(self, pk: int, implant_ids: list[int], given: int | None) -> Verdict:
        said = self.about(pk)
        is_negative = said.outcome in NEGATIVE
        return Verdict(
            finding_id=pk,
            outcome=said.outcome if is_negative else Finding.Outcome.IDENTIFIED,
            implant_ids=tuple(implant_ids),
            reason=(said.reason.strip() or _listed_reason(said)) if is_negative else "",
            seen=said.seen if said.asks_seen else None,
            tooth=_tooth(said, given),
        )


def _dropped_reason(number: int) -> str:
    return _(
        "Fixture %(number)d: you selected implants and typed why there is none. Delete the"
        " reason, or choose “Not in the catalogue” or “Cannot be read”."
    ) % {"number": number}


def _tooth(said: Said, given: int | None) -> int | Kept | None:
    """What is no number is no tooth either, and refused as one. The sender's own (`given`) is
    not the reviewer's word: the fixture has none then, and follows what the sender corrects."""
    if said.tooth is None:
        return Kept.KEPT
    text = said.tooth.strip()
    if not text or (given and (said.is_tooth_given or text == str(given))):
        return None
    return int(text) if is_id(text) else 0


def _marks(data: QueryDict) -> dict[int, str] | None:
    found = ((_MARK.fullmatch(name), data.get(name, "")) for name in data)
    return {int(match[1]): value for match, value in found if match} or None


def _said(data: QueryDict) -> dict[int, Said]:
    """The fields of each fixture: `outcome-7`, `reason-7`, `listed-7`, `q-7`, `seen-7-collar`."""
    said: dict[int, Said] = {}
    for name in data:
        match = _FIELD.fullmatch(name)
        if match is None:
            continue
        value = data.get(name, "")
        about = said.setdefault(int(match[2]), Said())
        if match[1] == "seen" and match[3]:
            about.asks_seen = True
            about.seen.update(clean_seen({match[3]: value}))
        elif match[1] == "q":
            about.query = clean_query(value)
        elif match[1] != "seen":
            setattr(about, match[1], _typed(value))
    return said


def _listed_reason(said: Said) -> str:
    """Without JavaScript nothing copies the chosen reason into its field."""
    if not is_id(said.listed):
        return ""
    listed = RejectionReason.objects.filter(pk=said.listed, outcome=said.outcome)
    return listed.values_list("text", flat=True).first() or ""


def _optional(text: str | None) -> str | None:
    return None if text is None else _typed(text)


def _typed(text: str) -> str:
    """A browser counts a line break as one character and sends it as two."""
    return text.replace("\x00", "").replace("\r\n", "\n")


def _revision(text: str | None) -> int | None:
    """None where the page sent none; what cannot be read is no revision that a case has."""
    if text is None:
        return None
    return int(text) if is_id(text) else 0


def _choice(value: str) -> Choice:
    match = _CHOICE.fullmatch(value)
    if match is None:
        raise ReviewError(_("The choice could not be read. Please choose again."))
    return Choice(finding_id=int(match[1]), implant_id=int(match[2]))


def number_of(data: QueryDict, name: str) -> int | None:
    """The id in a field; None for anything else."""
    asked = data.get(name, "")
    return int(asked) if is_id(asked) else None


def is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18


def clean_query(text: str) -> str:
    return " ".join(text.replace("\x00", "").split())[:100]


def box_of(data: QueryDict, image_id: int) -> Box:
    """The box in the number fields of a film, as people write numbers. Raises BoxError."""
    names = ("x", "y", "width", "height", "angle")
    written = {name: data.get(f"box-{image_id}-{name}", "") for name in names}
    return Box.of({name: text.replace(",", ".") for name, text in written.items()})
