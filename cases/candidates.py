"""The candidates for the films of a case."""

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from cases import films
from cases.films import Fetch, ImageUnavailable
from cases.models import Case, CaseImage, Finding, Result
from matching.matcher import Candidate, match
from matching.radiograph import Radiograph, RadiographError

# A task is killed after 60 seconds.
BUDGET_SECONDS = 40.0
FETCHES_AT_ONCE = 6


@dataclass
class Outcome:
    """What came of one film: candidates, or the reason why there are none (yet)."""

    image: CaseImage
    candidates: list[Candidate] = field(default_factory=list)
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
        may_come = isinstance(error, ImageUnavailable) and error.may_come
        CaseImage.objects.filter(pk=image.pk).update(error=str(error)[:255], is_awaited=may_come)
        return Outcome(image, error=str(error), may_come=may_come)
    return Outcome(image, candidates=match(film))


def keep(outcome: Outcome) -> None:
    """Write down the finding of a film and its ranked candidates."""
    finding = Finding.objects.create(case_image=outcome.image)
    Result.objects.bulk_create(_results(finding, outcome.candidates))


def _results(finding: Finding, candidates: Sequence[Candidate]) -> list[Result]:
    return [
        Result(
            finding=finding,
            implant=candidate.implant,
            reference_image=candidate.reference,
            rank=candidate.rank,
            similarity=candidate.similarity,
            encoder=candidate.encoder,
        )
        for candidate in candidates
    ]
