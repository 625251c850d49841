"""Lays out the desk of a case: its films, their fixtures, and the implants to choose from."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.db.models import prefetch_related_objects
from django.utils.translation import gettext as _

from cases import verdicts
from cases.models import Case, Finding, Result
from cases.panel.blocks import SHOWN, FilmBlock, FixtureBlock, Pick
from cases.panel.forms import Decision, Said, clean_query
from cases.ranking import Ranking, rank
from cases.review import ReviewError
from implants.models import Implant
from matching.encoder import EncoderError, is_current
from matching.matcher import CatalogueNotSearchable

SEARCH_LIMIT = 12
# Fixtures whose further candidates are there when the page opens; those of others come when
# they are brought to the front.
RANKED_AT_ONCE = 4


@dataclass(frozen=True)
class Reading:
    """How the page is read: what was ticked and typed, whether it can be decided now, and
    which fixtures are shown in full (by id; all where None)."""

    decision: Decision = field(default_factory=Decision)
    can_decide: bool = False
    only: Collection[int] | None = None


def film_blocks(case: Case, reading: Reading) -> list[FilmBlock]:
    """The films of a case (from `for_review`) with their fixtures, and what was said."""
    films = list(case.images.all())
    numbers = verdicts.numbers(finding for film in films for finding in film.findings.all())
    make = _Maker(case, reading, numbers)
    return [
        FilmBlock(film, place, [make.block(one) for one in verdicts.in_order(film.findings.all())])
        for place, film in enumerate(films, start=1)
    ]


def fixture_block(finding: Finding, reading: Reading) -> FixtureBlock:
    """One fixture, shown for itself."""
    case = finding.case_image.case
    numbers = verdicts.numbers(Finding.objects.filter(case_image__case=case))
    return _Maker(case, replace(reading, only=[finding.pk]), numbers).block(finding)


def find_implants(text: str, *, leaving_out: Iterable[int] = ()) -> tuple[list[Implant], bool]:
    """Active implants that the search of the catalogue finds; whether more exist."""
    text = clean_query(text)
    if not text:
        return [], False
    found = Implant.objects.active().search(text).exclude(pk__in=list(leaving_out))
    implants = list(found.with_references()[: SEARCH_LIMIT + 1])
    return implants[:SEARCH_LIMIT], len(implants) > SEARCH_LIMIT


class _Maker:
    """Makes the blocks of one case."""

    def __init__(self, case: Case, reading: Reading, numbers: Mapping[int, int]) -> None:
        self.case, self.reading, self.numbers = case, reading, numbers
        ids = {choice.implant_id for choice in reading.decision.readable_choices()}
        self.posted = Implant.objects.with_references().in_bulk(ids) if ids else {}

    def block(self, finding: Finding) -> FixtureBlock:
        said = _said(finding, self.reading.decision)
        is_brief = self._is_brief(finding, said)
        ranking, problem = (None, "") if is_brief else self._ranking(finding, said)
        candidates = _candidates(finding, list(finding.results.all()), ranking, said)
        others, is_cut = self._others(finding, said, {pick.implant.pk for pick in candidates})
        return FixtureBlock(
            finding=finding,
            number=self.numbers[finding.pk],
            candidates=_ticked(candidates, self.reading.decision),
            others=_ticked(others, self.reading.decision),
            said=said,
            is_cut=is_cut,
            is_brief=is_brief,
            fitting=ranking.fitting if ranking else None,
            total=ranking.total if ranking else None,
            problem=problem,
            own_tooth=finding.tooth,
            given=self.case.tooth if len(self.numbers) == 1 else None,
        )

    def _is_brief(self, finding: Finding, said: Said) -> bool:
        is_far = self.reading.only is None and self.numbers[finding.pk] > RANKED_AT_ONCE
        return self.reading.can_decide and is_far and not said.seen

    def _ranking(self, finding: Finding, said: Said) -> tuple[Ranking | None, str]:
        """The live ranking, or why there is none. A page that is opened never waits for the
        encoder: it shows what was found."""
        only = self.reading.only
        if not self.reading.can_decide or (only is not None and finding.pk not in only):
            return None, ""
        is_ready = finding.vector is not None and is_current(finding.encoder)
        if not said.seen and not is_ready:
            return None, ""
        try:
            ranking = rank(finding, said.seen, limit=SHOWN)
        except ReviewError as error:
            return None, str(error)
        except (EncoderError, CatalogueNotSearchable):
            return None, _("The catalogue cannot be compared now: these are the first candidates.")
        prefetch_related_objects([one.implant for one in ranking.candidates], "references")
        return ranking, ""

    def _others(self, finding: Finding, said: Said, known: set[int]) -> tuple[list[Pick], bool]:
        """What was ticked and is no candidate, then what the search finds."""
        kept = [
            self.posted[choice.implant_id]
            for choice in self.reading.decision.readable_choices()
            if choice.finding_id == finding.pk and choice.implant_id in self.posted
            if choice.implant_id not in known
        ]
        leaving_out = known | {implant.pk for implant in kept}
        found, is_cut = find_implants(said.query, leaving_out=leaving_out)
        return [Pick(finding, implant) for implant in [*kept, *found]], is_cut


def _said(finding: Finding, decision: Decision) -> Said:
    """What was posted; on a fresh page what the fixture keeps."""
    if finding.pk in decision.said:
        return decision.said[finding.pk]
    # What is left of an undone decision is for the one who made it.
    reason = finding.reason if finding.outcome else ""
    return Said(outcome=finding.outcome, reason=reason, seen=dict(finding.seen or {}))


def _candidates(
    finding: Finding, results: Sequence[Result], ranking: Ranking | None, said: Said
) -> list[Pick]:
    """The candidates as they were found, then further ones; re-ranked by what was seen. Those
    of two encoders never stand together."""
    by_implant = {result.implant_id: result for result in results}
    live = list(ranking.candidates) if ranking else []
    encoders = {one.encoder for one in results} | {one.encoder for one in live}
    if live and (said.seen or len(encoders - {""}) > 1):
        picks = [Pick(finding, one.implant, by_implant.get(one.implant.pk), one) for one in live]
    else:
        more = [one for one in live if one.implant.pk not in by_implant]
        room = max(SHOWN - len(results), 0)
        picks = [Pick(finding, result.implant, result) for result in results]
        picks += [Pick(finding, one.implant, None, one) for one in more[:room]]
    return [replace(pick, number=place) for place, pick in enumerate(picks, start=1)]


def _ticked(picks: Sequence[Pick], decision: Decision) -> list[Pick]:
    return [replace(pick, is_ticked=pick.value in decision.ticked) for pick in picks]
