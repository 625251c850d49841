"""The candidates for the films of a case."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import cast

from django.db import models
from django.utils.translation import gettext as _

from cases import film_cache, films
from cases.ahead import Ahead
from cases.films import Fetch, ImageUnavailable
from cases.models import Case, CaseImage, Finding, Result
from matching import measured
from matching.calibration import Limits, limits_for
from matching.confidence import Scored, band, lowest, probability
from matching.finder import Found
from matching.matcher import Match, compare
from matching.radiograph import DecoderBusy, RadiographError
from matching.seeing import Seen

# A task is killed after 60 seconds.
BUDGET_SECONDS = 40.0
FETCHES_AT_ONCE = 6


@dataclass(frozen=True)
class Compared:
    """A fixture as the finder found it (None: the film as a whole), and what it resembles."""

    found: Found | None
    match: Match

    def finding(self, image: CaseImage) -> Finding:
        """A new row, not saved, without what was compared."""
        if self.found is None:
            return Finding(case_image=image)
        box, score = self.found.box.as_json(), self.found.score
        return Finding(case_image=image, box=box, found_score=score)


@dataclass
class Outcome:
    """What came of one film: its fixtures, or the reason why there are none (yet)."""

    image: CaseImage
    compared: list[Compared] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    error: str = ""
    may_come: bool = False
    # What is to be kept for the same film: nothing where that was known.
    seen: Seen | None = None


class Fetching:
    """Fetches several addresses at a time, so that dead ones do not use up everybody's time."""

    def __init__(self, fetch: Fetch, addresses: Iterable[str], *, end: float) -> None:
        self._end = end
        self._pool = ThreadPoolExecutor(max_workers=FETCHES_AT_ONCE)
        self._fetched = {address: self._pool.submit(fetch, address) for address in addresses}

    def __call__(self, address: str) -> bytes:
        """The bytes of an address; raises what its fetching raised, or ImageUnavailable when
        the time is over."""
        try:
            return self._fetched[address].result(max(self._end - time.monotonic(), 0.0))
        except TimeoutError as error:
            raise ImageUnavailable(
                _("There was no time left for this film."), may_come=True
            ) from error

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def match_films(case: Case, fetch: Fetch, begun: Mapping[str, Ahead]) -> list[Outcome]:
    """The outcome of every film that has none yet. What is wrong with one is written down at
    once, and a run after an interrupted one does not try it again: the good films must get
    their turn. While the case awaits review, only films that were to come are looked at."""
    images = list(case.images.filter(findings=None))
    due = [image for image in images if _is_due(image, case)]
    fetching = Fetching(
        fetch,
        (image.source_url for image in due if not image.file),
        end=time.monotonic() + BUDGET_SECONDS,
    )
    try:
        return [
            _match_film(image, fetching, begun)
            if image in due
            else Outcome(image, error=image.error, may_come=image.is_awaited)
            for image in images
        ]
    finally:
        fetching.close()


def _is_due(image: CaseImage, case: Case) -> bool:
    if case.is_awaiting_review or case.postponed:
        return image.is_awaited or not image.error
    return not (image.error and case.attempts > 1)


def _match_film(image: CaseImage, fetch: Fetch, begun: Mapping[str, Ahead]) -> Outcome:
    try:
        film = _read(image, fetch, begun)
    except (RadiographError, ImageUnavailable) as error:
        is_on_its_way = isinstance(error, ImageUnavailable) and error.may_come
        may_come = is_on_its_way or isinstance(error, DecoderBusy)
        CaseImage.objects.filter(pk=image.pk).update(error=str(error)[:255], is_awaited=may_come)
        return Outcome(image, error=str(error), may_come=may_come)
    films.prepare(image, film.film)
    seen = film.seen()
    new = seen if seen.is_certain and not film.known else None
    return Outcome(image, compared=_compared(seen), doubts=seen.doubts, seen=new)


def _compared(seen: Seen) -> list[Compared]:
    """With the catalogue as it is now."""
    places: list[Found | None] = [*seen.found] or [None]
    return [
        Compared(found, compare(vector, encoder=seen.encoder, doubts=seen.doubts))
        for found, vector in zip(places, seen.vectors, strict=True)
    ]


def keep_seen(outcomes: Sequence[Outcome]) -> None:
    """Keep what was seen on films for the same films, unless they were erased meanwhile: who
    erases forgets after the digests are gone, so that one of the two sees the other."""
    new = {one.image.sha256: one.seen for one in outcomes if one.seen and one.image.sha256}
    if not new:
        return
    for sha256, seen in new.items():
        film_cache.keep(sha256, seen)
    stays = set(
        CaseImage.objects.filter(
            pk__in=[one.image.pk for one in outcomes], sha256__in=new
        ).values_list("sha256", flat=True)
    )
    film_cache.forget(new.keys() - stays)


def _read(image: CaseImage, fetch: Fetch, begun: Mapping[str, Ahead]) -> Ahead:
    known = begun.get(image.sha256)
    measured.asked(measured.Cache.DECODED, is_known=known is not None)
    try:
        return known or Ahead.of(films.read(image, fetch=fetch))
    except RadiographError:
        measured.failed(measured.Trouble.FILM_NOT_READ)
        raise
    except ImageUnavailable:
        measured.failed(measured.Trouble.FILM_NOT_FETCHED)
        raise


def take_in(outcome: Outcome) -> None:
    """Write down what came of one film that had no finding. The caller holds the case's lock."""
    if not outcome.compared:
        return
    CaseImage.objects.filter(pk=outcome.image.pk).update(doubts=outcome.doubts)
    for one in outcome.compared:
        keep(one.finding(outcome.image), one.match)


def keep(finding: Finding, found: Match) -> None:
    """Write down what a fixture, or a whole film, was searched by, and its ranked candidates
    in place of earlier ones. What a person approved stays. The caller holds the case's lock."""
    finding.vector, finding.encoder = found.vector.tolist(), found.encoder
    finding.is_unknown, finding.band = found.is_unknown, found.band
    is_new = finding.pk is None
    finding.save()
    approved: set[int] = set()
    if not is_new:
        finding.results.filter(approved=False).delete()
        finding.results.update(rank=None)
        approved = set(finding.results.values_list("implant_id", flat=True))
    Result.objects.bulk_create(_results(finding, found, approved))


def surest_fixtures(case: Case) -> models.QuerySet[Finding]:
    """First what a person marked, then what the finder was surest of, then films as a whole."""
    findings = Finding.objects.filter(case_image__case=case, results__rank=1)
    is_persons = models.Q(proposed_by=Finding.ProposedBy.PERSON)
    score = models.F("found_score").desc(nulls_last=True)
    return findings.order_by(models.Case(models.When(is_persons, 0), default=1), score, "pk")


def band_of(case: Case) -> str:
    """The lowest band of the case's findings (see `matching.confidence`); those of an earlier
    version, which have none, are rated by their results."""
    findings = list(Finding.objects.filter(case_image__case=case).defer("vector"))
    models.prefetch_related_objects([one for one in findings if not one.band], "results")
    return lowest(finding.band or rated(finding) for finding in findings)


def rated(finding: Finding, doubts: Collection[str] = ()) -> str:
    """The band of a finding by its stored results, with these doubts about its film."""
    ranked, limits = _measured(finding)
    return band(ranked, limits=limits, is_unknown=finding.is_unknown, doubts=doubts)


def chance(finding: Finding) -> float | None:
    """That the comparison's first candidate is right, 0…1, by decisions of people; None while
    there are too few of them (see `matching.calibration`)."""
    ranked, limits = _measured(finding)
    return None if finding.is_unknown else probability(ranked, limits=limits)


def _measured(finding: Finding) -> tuple[list[Scored], Limits | None]:
    """Its stored candidates in their order, and the limits of the encoder that found them."""
    ranked = sorted(
        (one for one in finding.results.all() if one.rank), key=lambda one: one.rank or 0
    )
    limits = limits_for(ranked[0].encoder) if ranked else None
    return cast(list[Scored], ranked), limits


def _results(finding: Finding, found: Match, approved: Collection[int]) -> list[Result]:
    return [
        Result(
            finding=finding,
            implant=candidate.implant,
            reference_image=candidate.reference,
            rank=candidate.rank,
            similarity=candidate.similarity,
            encoder=candidate.encoder,
        )
        for candidate in found.candidates
        if candidate.implant.pk not in approved
    ]
