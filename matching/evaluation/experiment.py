"""Looking films up among each other, by the matcher's own rules but without a database."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from implants.models import Implant
from implants.vocabulary import Connection
from matching import scoring
from matching.encoder import Vector
from matching.evaluation.embedding import Array, Embedded, Place, Variant, embed
from matching.evaluation.labelled import EvaluationError, LabelledFilm, Skipped
from matching.evaluation.split import Split, split, with_same_films_joined
from matching.look_alikes import family_numbers

# How much of a ranking is kept.
KEPT = 20


@dataclass(frozen=True)
class Candidate:
    """One implant of an answer: its score (see `matching.scoring`), and its nearest reference."""

    label: str
    score: float
    reference: LabelledFilm


@dataclass(frozen=True)
class Answer:
    """What a film was answered with, as if all references but its own patient's were there.

    `rank` is the place of its implant, from 1 (None where no reference shows it: the film then
    only counts as one of an absent implant). `own` is its implant's candidate. `known` is how
    the first candidate stands; `unknown` how it would if the implant and those that a film does
    not tell from it (`matching.look_alikes`) were absent (None where fewer than two other
    families are left: a first one before no other has no gap to be compared).
    """

    film: LabelledFilm
    place: Place
    candidates: tuple[Candidate, ...]
    rank: int | None
    own: Candidate | None
    known: scoring.Standing
    unknown: scoring.Standing | None

    def as_ranked(self, candidates: Sequence[Candidate]) -> Self:
        """With its first candidates in another order."""
        labels = [one.label for one in candidates]
        is_among = self.film.label in labels
        rank = labels.index(self.film.label) + 1 if is_among else self.rank
        return replace(self, candidates=tuple(candidates), rank=rank)


@dataclass(frozen=True)
class Answers:
    """All answers of one variant over all splits; `implants` are those with references."""

    variant: Variant
    answers: list[Answer]
    references: int
    implants: int


@dataclass
class Evaluation:
    """What was measured: for each variant its answers; and what was left out."""

    results: list[Answers]
    families: dict[str, int]
    skipped: list[Skipped] = field(default_factory=list)
    same_films: int = 0


def evaluate(
    films: Iterable[LabelledFilm],
    *,
    variants: Sequence[Variant],
    references: int = 5,
    seeds: int = 1,
    is_leave_one_out: bool = False,
    is_found: bool = True,
) -> Evaluation:
    """Embed the films once, then look the queries of `seeds` splits up among the references.

    With `is_leave_one_out` every film is asked for among the films of all other groups;
    without `is_found` fixtures are taken from where they are known to lie.
    Raises EvaluationError where no film can be asked for, EncoderError.
    """
    embedded = embed(films, variants, is_found=is_found)
    films_joined, same_films = with_same_films_joined(embedded.films, embedded.small)
    if is_leave_one_out:
        splits = list(_each_alone(films_joined))
    else:
        splits = [split(films_joined, references=references, seed=seed) for seed in range(seeds)]
    check(films_joined, splits, embedded.skipped)
    families = families_of(films_joined)
    results = [
        look_up(variant, films_joined, embedded, vectors, splits=splits, families=families)
        for variant, vectors in zip(variants, embedded.vectors, strict=True)
    ]
    return Evaluation(results, families, embedded.skipped, same_films)


def check(
    films: Sequence[LabelledFilm], splits: Sequence[Split], skipped: Sequence[Skipped]
) -> None:
    """Raise EvaluationError unless at least one film can be asked for among two implants."""
    if not films:
        reason = f", for example {skipped[0].name}: {skipped[0].reason}" if skipped else "."
        raise EvaluationError(f"No film could be read{reason}")
    if len({film.label for film in films}) < 2:
        raise EvaluationError(
            f"All films show {films[0].label}: at least two implants are needed to tell apart."
        )
    if not any(_has_question(films, one) for one in splits):
        raise EvaluationError(
            "No implant has films of two patients: one must be a reference, and one is looked up."
        )


def look_up(
    variant: Variant,
    films: Sequence[LabelledFilm],
    embedded: Embedded,
    vectors: Vector,
    *,
    splits: Iterable[Split],
    families: dict[str, int],
) -> Answers:
    """The answers of one variant to the queries of all splits."""
    answers: list[Answer] = []
    most, labels = 0, set()
    for one in splits:
        shown = [films[place] for place in one.references]
        labels |= {film.label for film in shown}
        most = max(most, len(shown))
        cosines = vectors[one.queries] @ vectors[one.references].T
        for place, row in zip(one.queries, cosines, strict=True):
            answers.append(answer(films[place], embedded.places[place], shown, row, families))
    return Answers(variant, answers, most, len(labels))


def answer(
    film: LabelledFilm,
    place: Place,
    references: Sequence[LabelledFilm],
    cosines: Array,
    families: dict[str, int],
) -> Answer:
    """What a film is answered with, from its cosine with each reference."""
    ranking = scoring.ranked(
        (reference.label, float(cosine))
        for reference, cosine in zip(references, cosines, strict=True)
    )
    nearest = _nearest(references, cosines)
    ranked = [Candidate(label, score, nearest[label]) for label, score in ranking]
    rank = next((n for n, one in enumerate(ranked, start=1) if one.label == film.label), None)
    others = [scored for scored in ranking if families[scored[0]] != families[film.label]]
    unknown = scoring.standing(others, family=families.__getitem__) if others else None
    return Answer(
        film,
        place,
        tuple(ranked[:KEPT]),
        rank,
        ranked[rank - 1] if rank else None,
        scoring.standing(ranking, family=families.__getitem__),
        unknown if unknown and unknown.gap is not None else None,
    )


def families_of(films: Iterable[LabelledFilm]) -> dict[str, int]:
    """Label → number of its family of look-alikes (see `matching.look_alikes`)."""
    implants = implants_of(films)
    numbers = family_numbers(list(implants.values()))
    return {label: numbers[implant.pk] for label, implant in implants.items()}


def implants_of(films: Iterable[LabelledFilm]) -> dict[str, Implant]:
    """Label → what is known of the implant, as a row that is not in the database."""
    first = {film.label: film for film in reversed(list(films))}
    return {label: _implant(pk, film) for pk, (label, film) in enumerate(sorted(first.items()))}


def _implant(pk: int, film: LabelledFilm) -> Implant:
    if film.facts is not None:
        return Implant(pk=pk, **vars(film.facts))
    connection = film.connection if film.connection in Connection.values else ""
    return Implant(pk=pk, manufacturer=film.manufacturer, name=film.line, connection=connection)


def _nearest(references: Sequence[LabelledFilm], cosines: Array) -> dict[str, LabelledFilm]:
    nearest: dict[str, LabelledFilm] = {}
    for place in np.argsort(-cosines, kind="stable"):
        nearest.setdefault(references[place].label, references[place])
    return nearest


def _each_alone(films: Sequence[LabelledFilm]) -> Iterator[Split]:
    """One split for each group: its films against all others."""
    for group in dict.fromkeys(film.group for film in films):
        own = [place for place, film in enumerate(films) if film.group == group]
        others = [place for place, film in enumerate(films) if film.group != group]
        if others:
            yield Split(others, own)


def _has_question(films: Sequence[LabelledFilm], one: Split) -> bool:
    shown = {films[place].label for place in one.references}
    return any(films[place].label in shown for place in one.queries)
