"""What a reviewer says of each fixture of a case, checked and written down."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext as _

from cases.models import Case, Finding, Result
from cases.teeth import is_tooth, no_tooth
from implants.models import Implant
from matching.features import clean_seen

NOTE_LENGTH = 1000
REASON_LENGTH = 2000
Outcome = Finding.Outcome


class ReviewError(ValueError):
    """The decision cannot be made as asked. `str()` is a sentence for the reviewer."""


class StateConflict(ReviewError):
    """The case's status does not allow this (any more): somebody else may have decided."""


class Outdated(StateConflict):
    """The case is another one than the reviewer saw: its sender changed it, a late film
    arrived, or somebody else moved a mark."""

    def __init__(self) -> None:
        super().__init__(
            _("This case has changed since you opened it: look at it again before deciding.")
        )


def check_status(case: Case, *expected: Case.Status) -> None:
    """Raise StateConflict unless the case has one of these statuses."""
    if case.status not in expected:
        raise StateConflict(
            _("The case is “%(status)s”; this is only possible while it is “%(expected)s”.")
            % {"status": case.get_status_display(), "expected": expected[0].label}
        )


@dataclass(frozen=True)
class Choice:
    """An implant approved for a finding; without a finding, for the one that proposed it
    best, else for the first."""

    implant_id: int
    finding_id: int | None = None


class Kept(Enum):
    """What a verdict says of something that it does not speak of: it stays as it is."""

    KEPT = "kept"


@dataclass(frozen=True)
class Verdict:
    """What was decided about one fixture.

    `implant_ids`: one or more where it was identified (several: it is one of these), else
    none. `reason` is for the dentist, where it was not identified. `seen` is feature → word of
    its vocabulary; None leaves what was seen before. `tooth` is the fixture's FDI number; None
    takes the finding's own away, so that the sender's holds for the only fixture of a case.
    """

    finding_id: int
    outcome: str
    implant_ids: Sequence[int] = ()
    reason: str = ""
    seen: Mapping[str, str] | None = None
    tooth: int | Kept | None = Kept.KEPT

    @property
    def is_identified(self) -> bool:
        return self.outcome == Outcome.IDENTIFIED


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The fixtures of a case in the order in which people see them, on the page and in the
    answer: film by film, from left to right."""
    return sorted(
        findings, key=lambda one: (one.case_image_id, (one.box or {}).get("x", 0), one.pk)
    )


def numbers(findings: Iterable[Finding]) -> dict[int, int]:
    """Finding id → number, from 1, of all findings of a case."""
    return {finding.pk: place for place, finding in enumerate(in_order(findings), start=1)}


def is_marked(finding: Finding) -> bool:
    """Whether a person put the box there; the finder's own is a proposal until it is decided."""
    return bool(finding.box) and finding.proposed_by == Finding.ProposedBy.PERSON


def of_choices(case: Case, choices: Sequence[Choice]) -> list[Verdict]:
    """One verdict for each finding that the choices identify.

    Raises ReviewError for no choice, or for a finding that the case does not have.
    """
    if not choices:
        raise ReviewError(_("Choose at least one implant."))
    findings = list(Finding.objects.filter(case_image__case=case).order_by("pk"))
    chosen: dict[int, list[int]] = {}
    for choice in choices:
        chosen.setdefault(_meant(choice, findings), []).append(choice.implant_id)
    return [Verdict(pk, Outcome.IDENTIFIED, tuple(ids)) for pk, ids in chosen.items()]


def record(case: Case, verdicts: Sequence[Verdict], reviewer: User) -> None:
    """Write the verdicts onto the findings, and onto `case` (not saved) what they come to.

    Raises ReviewError for an unknown or repeated finding, an unknown implant, a verdict that
    contradicts itself, or a fixture without one that a person marked: what only the finder saw
    need not be a fixture. The caller holds the lock of the case.
    """
    findings = {one.pk: one for one in Finding.objects.filter(case_image__case=case)}
    _check(verdicts, findings)
    implants = _implants(verdicts)
    for verdict in verdicts:
        _write(findings[verdict.finding_id], verdict)
        for implant_id in dict.fromkeys(verdict.implant_ids):
            _approve(verdict.finding_id, implants[implant_id], reviewer)
    case.outcome = _sum([verdict.outcome for verdict in verdicts])
    case.decision_reason = "" if case.outcome == Outcome.IDENTIFIED else _reasons(verdicts)


def text(value: str, limit: int, too_long: str) -> str:
    """`value` without outer spaces; raises ReviewError with the sentence `too_long`, in which
    `%(limit)d` stands for the number of characters allowed."""
    value = value.strip()
    if len(value) > limit:
        raise ReviewError(too_long % {"limit": limit})
    return value


def note(value: str) -> str:
    return text(value, NOTE_LENGTH, _("The note is too long: at most %(limit)d characters."))


def reason(value: str) -> str:
    return text(value, REASON_LENGTH, _("The reason is too long: at most %(limit)d characters."))


def _meant(choice: Choice, findings: Sequence[Finding]) -> int:
    allowed = [one.pk for one in findings if choice.finding_id in (None, one.pk)]
    if not allowed:
        raise ReviewError(_("The case has no such finding."))
    proposed = Result.objects.filter(finding_id__in=allowed, implant_id=choice.implant_id)
    best = proposed.order_by("rank", "-similarity").first()
    return best.finding_id if best else allowed[0]


def _check(verdicts: Sequence[Verdict], findings: Mapping[int, Finding]) -> None:
    if not verdicts:
        raise ReviewError(_("Decide about at least one fixture."))
    counted = Counter(verdict.finding_id for verdict in verdicts)
    if set(counted) - set(findings):
        raise ReviewError(_("The case has no such finding."))
    named = numbers(findings.values())
    for verdict in verdicts:
        problem = _problem(verdict)
        if counted[verdict.finding_id] > 1:
            problem = _("there are two decisions about it.")
        if problem:
            raise ReviewError(_named(named[verdict.finding_id], problem, len(findings)))
    for finding in in_order(findings.values()):
        if is_marked(finding) and finding.pk not in counted:
            problem = _("it has no decision yet. Identify it, or say why it cannot be.")
            raise ReviewError(_named(named[finding.pk], problem, len(findings)))


def _named(number: int, problem: str, count: int) -> str:
    if count == 1:
        return problem[:1].upper() + problem[1:]
    return _("Fixture %(number)d: %(problem)s") % {"number": number, "problem": problem}


def _problem(verdict: Verdict) -> str:
    """What is wrong with a verdict by itself; empty when nothing is."""
    if verdict.outcome not in Outcome.values:
        return _("its decision could not be read. Please choose again.")
    if isinstance(verdict.tooth, int) and not is_tooth(verdict.tooth):
        return no_tooth()
    if verdict.is_identified:
        return "" if verdict.implant_ids else _("choose at least one implant.")
    if verdict.implant_ids:
        return _("implants are selected, but nothing is to be identified. Choose one of both.")
    if verdict.outcome == Outcome.UNREADABLE and not verdict.reason.strip():
        return _("say why it cannot be read.")
    return ""


def _implants(verdicts: Sequence[Verdict]) -> dict[int, Implant]:
    asked = {pk for verdict in verdicts for pk in verdict.implant_ids}
    implants = Implant.objects.in_bulk(asked)
    if missing := sorted(asked - set(implants)):
        raise ReviewError(
            _("There is no implant %(ids)s in the catalogue.")
            % {"ids": ", ".join(map(str, missing))}
        )
    return implants


def _write(finding: Finding, verdict: Verdict) -> None:
    finding.outcome = verdict.outcome
    finding.reason = "" if verdict.is_identified else reason(verdict.reason)
    if not isinstance(verdict.tooth, Kept):
        finding.tooth = verdict.tooth
    if verdict.seen is not None:
        finding.seen = clean_seen(verdict.seen) or None
    finding.save(update_fields=["outcome", "reason", "tooth", "seen"])


def _approve(finding_id: int, implant: Implant, reviewer: User) -> None:
    """The matcher's result, or a new one without a rank."""
    result = Result.objects.filter(finding_id=finding_id, implant=implant).first()
    result = result or Result(finding_id=finding_id, implant=implant)
    result.approved, result.approved_at, result.approved_by = True, timezone.now(), reviewer
    result.save()


def _sum(outcomes: Sequence[str]) -> str:
    order = (Outcome.IDENTIFIED, Outcome.NOT_IN_CATALOGUE, Outcome.UNREADABLE)
    return next(outcome.value for outcome in order if outcome in outcomes)


def _reasons(verdicts: Sequence[Verdict]) -> str:
    """An answer without a text cannot be sent, so that a missing reason has one."""
    said = (reason(one.reason) or _("This implant is not in our catalogue.") for one in verdicts)
    return "\n".join(dict.fromkeys(said))
