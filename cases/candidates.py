"""The candidates for the films of a case."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from cases import films
from cases.films import Fetch, ImageUnavailable
from cases.models import Case, CaseImage, Finding, Result
from matching.matcher import Candidate, match
from matching.radiograph import Radiograph, RadiographError

# A task is killed after 60 seconds; the last film begun may take another 15.
BUDGET_SECONDS = 40.0


@dataclass
class Outcome:
    """What came of one film: candidates, or the reason why there are none."""

    image: CaseImage
    candidates: list[Candidate] = field(default_factory=list)
    error: str = ""


def match_films(case: Case, fetch: Fetch, decoded: Mapping[str, Radiograph]) -> list[Outcome]:
    """The outcome of every film. What is wrong with one is written down at once, and a run
    after an interrupted one does not try it again: the good films must get their turn."""
    end = time.monotonic() + BUDGET_SECONDS
    outcomes = []
    for image in case.images.all():
        if image.error and case.attempts > 1:
            outcome = Outcome(image, error=image.error)
        elif time.monotonic() > end:
            outcome = Outcome(image, error=_("There was no time left for this film."))
        else:
            outcome = _match_film(image, fetch, decoded)
        if outcome.error != image.error:
            CaseImage.objects.filter(pk=image.pk).update(error=outcome.error[:255])
        outcomes.append(outcome)
    return outcomes


def _match_film(image: CaseImage, fetch: Fetch, decoded: Mapping[str, Radiograph]) -> Outcome:
    try:
        film = decoded.get(image.sha256) or films.read(image, fetch=fetch)
    except (RadiographError, ImageUnavailable) as error:
        return Outcome(image, error=str(error))
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
