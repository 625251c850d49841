"""What the answers come to."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from matching import calibration
from matching.calibrating.limits import auroc
from matching.evaluation.experiment import Answer, Answers
from matching.evaluation.labelled import LabelledFilm
from matching.scoring import Standing


@dataclass(frozen=True)
class Share:
    """Of `queries` films the shares whose implant was the first, or among the first three and
    five, candidates, 0…1; `mrr` is the mean of 1 / rank."""

    queries: int
    top1: float
    top3: float
    top5: float
    mrr: float


@dataclass(frozen=True)
class Confusion:
    """How often films of one implant were first taken for another; whether the catalogue says
    that the two look alike."""

    label: str
    taken_for: str
    times: int
    are_alike: bool


@dataclass(frozen=True)
class Figures:
    """All that was measured of one encoder with one normalisation.

    `total.queries` films of `implants` implants were looked up among `references` references
    (the most of any split). `manufacturer_top1` and `line_top1` are the shares whose first
    candidate is of the right manufacturer or line. `found` is the share of the queries on which
    the finder found the fixture (see `matching.evaluation.embedding.Place`).

    `unknown_auroc` is the probability that a film whose implant is in the catalogue stands
    better (`matching.calibration.nearness`) than one whose
    implant is absent: each query is looked up a second time without its own implant and those
    that look alike. `similarity_auroc` is the same by the score alone.
    """

    encoder: str
    normalisation: str
    references: int
    implants: int
    total: Share
    manufacturer_top1: float
    line_top1: float
    unknown_auroc: float | None
    similarity_auroc: float | None
    found: float | None
    by_manufacturer: dict[str, Share]
    by_line: dict[str, Share]
    by_connection: dict[str, Share]
    confusions: list[Confusion]

    def as_json(self) -> dict[str, object]:
        """Flat, but for the shares by group: what `evaluate --json` prints."""
        return {
            "encoder": self.encoder,
            "normalisation": self.normalisation,
            "references": self.references,
            "implants": self.implants,
            **vars(self.total),
            "manufacturer_top1": self.manufacturer_top1,
            "line_top1": self.line_top1,
            "unknown_auroc": self.unknown_auroc,
            "similarity_auroc": self.similarity_auroc,
            "found": self.found,
            **{
                name: {key: vars(share) for key, share in getattr(self, name).items()}
                for name in ("by_manufacturer", "by_line", "by_connection")
            },
            "confusions": [vars(one) for one in self.confusions],
        }


def figures(measured: Answers, *, families: dict[str, int]) -> Figures:
    """Raises ValueError where no film was asked for."""
    asked = [one for one in measured.answers if one.rank]
    if not asked:
        raise ValueError("no film was asked for")
    return Figures(
        encoder=measured.variant.encoder.id,
        normalisation=measured.variant.normalisation,
        references=measured.references,
        implants=measured.implants,
        total=share_of(asked),
        manufacturer_top1=_mean(_first(one).manufacturer == one.film.manufacturer for one in asked),
        line_top1=_mean(_line_of(_first(one)) == _line_of(one.film) for one in asked),
        unknown_auroc=unknown_auroc(measured.answers, certainty),
        similarity_auroc=unknown_auroc(measured.answers, lambda standing: standing.similarity),
        found=_found(measured.answers),
        by_manufacturer=_by(asked, lambda one: one.film.manufacturer),
        by_line=_by(asked, lambda one: f"{one.film.manufacturer} {one.film.line}"),
        by_connection=_by(asked, lambda one: one.film.connection or "not known"),
        confusions=confusions(asked, families),
    )


def share_of(asked: Sequence[Answer]) -> Share:
    ranks = [one.rank or math.inf for one in asked]
    top1, top3, top5 = (_mean(rank <= k for rank in ranks) for k in (1, 3, 5))
    return Share(len(ranks), top1, top3, top5, mrr=_mean(1 / rank for rank in ranks))


def recall_at(asked: Sequence[Answer], most: int = 10) -> list[float]:
    """recall@1 … recall@most."""
    return [_mean((one.rank or math.inf) <= k for one in asked) for k in range(1, most + 1)]


def interval(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of `count` films (Wilson 1927, JASA 22:209)."""
    z = 1.96
    middle = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max((middle - spread) / scale, 0.0), min((middle + spread) / scale, 1.0)


def certainty(standing: Standing) -> float:
    """By which the matcher tells that an implant is not in the catalogue."""
    return calibration.nearness(standing)


def unknown_auroc(
    answers: Iterable[Answer], certainty: Callable[[Standing], float]
) -> float | None:
    """The area under the receiver operating characteristic; None where there are no two
    sides to compare."""
    answers = list(answers)
    known = [certainty(one.known) for one in answers if one.rank]
    absent = [certainty(one.unknown) for one in answers if one.unknown]
    return auroc(known, absent)


def confusions(asked: Iterable[Answer], families: dict[str, int]) -> list[Confusion]:
    """First candidates that were wrong, the most frequent first."""
    pairs = Counter((one.film.label, one.candidates[0].label) for one in asked if one.rank != 1)
    return [
        Confusion(label, taken, times, families[label] == families[taken])
        for (label, taken), times in sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))
    ]


def worst(asked: Iterable[Answer], most: int) -> list[Answer]:
    """The wrong answers that look surest: the wrong implant furthest before the right one."""
    wrong = [one for one in asked if one.rank and one.rank > 1 and one.own]
    return sorted(wrong, key=_lead_of_the_wrong, reverse=True)[:most]


def _found(answers: Iterable[Answer]) -> float | None:
    asked = [one.place.is_found for one in answers if one.place.is_found is not None]
    return _mean(asked) if asked else None


def _lead_of_the_wrong(one: Answer) -> float:
    return one.candidates[0].score - (one.own.score if one.own else 0.0)


def _by(asked: Iterable[Answer], group: Callable[[Answer], str]) -> dict[str, Share]:
    grouped: defaultdict[str, list[Answer]] = defaultdict(list)
    for one in asked:
        grouped[group(one)].append(one)
    return {name: share_of(grouped[name]) for name in sorted(grouped)}


def _first(answer: Answer) -> LabelledFilm:
    """A film of the first candidate."""
    return answer.candidates[0].reference


def _line_of(film: LabelledFilm) -> tuple[str, str]:
    return film.manufacturer, film.line


def _mean(values: Iterable[float]) -> float:
    counted = list(values)
    return sum(counted) / len(counted) if counted else 0.0
