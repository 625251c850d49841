"""The candidates for the films of a case."""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

from django.utils.translation import gettext as _

from cases import films
from cases.films import Fetch, ImageUnavailable
from cases.models import Case, CaseImage, Finding, Result
from matching.confidence import Measured, band, lowest
from matching.matcher import Match, look_up
from matching.radiograph import DecoderBusy, Radiograph, RadiographError

# A task is killed after 60 seconds.
BUDGET_SECONDS = 40.0
FETCHES_AT_ONCE = 6


@dataclass
class Outcome:
    """What came of one film: what was found, or the reason why nothing was (yet)."""

    image: CaseImage
    found: Match | None = None
    error: str = ""
    may_come: bool = False


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


def match_films(case: Case, fetch: Fetch, decoded: Mapping[str, Radiograph]) -> list[Outcome]:
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
            _match_film(image, fetching, decoded)
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


def _match_film(image: CaseImage, fetch: Fetch, decoded: Mapping[str, Radiograph]) -> Outcome:
    try:
        film = decoded.get(image.sha256) or films.read(image, fetch=fetch)
    except (RadiographError, ImageUnavailable) as error:
        is_on_its_way = isinstance(error, ImageUnavailable) and error.may_come
        may_come = is_on_its_way or isinstance(error, DecoderBusy)
        CaseImage.objects.filter(pk=image.pk).update(error=str(error)[:255], is_awaited=may_come)
        return Outcome(image, error=str(error), may_come=may_come)
    films.prepare(image, film)
    return Outcome(image, found=look_up(film.image))


def keep(finding: Finding, found: Match) -> None:
    """Write down what a fixture, or a whole film, was searched by, and its ranked candidates
    in place of earlier ones. What a person approved stays. The caller holds the case's lock."""
    finding.vector, finding.encoder = found.vector.tolist(), found.encoder
    finding.save()
    finding.results.filter(approved=False).delete()
    finding.results.update(rank=None)
    Result.objects.bulk_create(_results(finding, found))


def band_of(case: Case) -> str:
    """The lowest band of the case's findings (see `matching.confidence`)."""
    results = Result.objects.filter(finding__case_image__case=case, rank__isnull=False)
    by_finding: dict[int, list[Result]] = {}
    for result in results.order_by("finding_id", "rank"):
        by_finding.setdefault(result.finding_id, []).append(result)
    return lowest(band(cast(list[Measured], ranked)) for ranked in by_finding.values())


def _results(finding: Finding, found: Match) -> list[Result]:
    approved = set(finding.results.values_list("implant_id", flat=True))
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
