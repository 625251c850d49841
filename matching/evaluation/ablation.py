"""What each step from a film to a ranking gives, one after the other."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from implants.models import Implant
from implants.vocabulary import FEATURES
from matching.evaluation import experiment
from matching.evaluation.embedding import Variant, embed
from matching.evaluation.encoders import opened
from matching.evaluation.experiment import Answer, Answers
from matching.evaluation.labelled import EvaluationError, LabelledFilm, Part
from matching.evaluation.measures import Share, share_of
from matching.evaluation.phantoms import Wanted, film_count, phantom_films
from matching.evaluation.running import Progress
from matching.evaluation.split import Split
from matching.features import reranked
from matching.normalisation import ALL, VIEWS, Steps

# Of what a reviewer could tick so much is left at "not sure", and so much is ticked wrongly.
UNSURE = 0.20
WRONG = 0.05


@dataclass(frozen=True)
class Step:
    """What is done from here on, beside all before it."""

    name: str
    steps: Steps
    views: int
    references: int
    is_reranked: bool = False


@dataclass(frozen=True)
class Row:
    name: str
    share: Share


def steps(references: int) -> list[Step]:
    """From the whole film to everything; each adds one thing to the one before."""
    plain = Steps(crop=False, upright=False, contrast=False)
    words = f"features ticked, {UNSURE:.0%} not sure, {WRONG:.0%} wrong"
    return [
        Step("whole film, one reference", plain, 1, 1),
        Step("+ crop", Steps(upright=False, contrast=False), 1, 1),
        Step("+ upright", Steps(contrast=False), 1, 1),
        Step("+ contrast", ALL, 1, 1),
        Step(f"+ {references} references", ALL, 1, references),
        Step(f"+ {VIEWS} views", ALL, VIEWS, references),
        Step(f"+ {words}", ALL, VIEWS, references, is_reranked=True),
    ]


def ablation(wanted: Wanted, *, encoder: str, progress: Progress) -> list[Row]:
    """Phantoms of a level after each step. Raises EvaluationError where the encoder cannot be
    had, ValueError for an unknown level."""
    todo = steps(wanted.references)
    variants = _variants(todo, encoder)
    embedded = embed(progress(phantom_films(wanted), film_count(wanted)), list(variants.values()))
    families = experiment.families_of(embedded.films)
    implants = experiment.implants_of(embedded.films)
    rows = []
    for step in todo:
        place = list(variants).index((step.steps, step.views))
        answers = experiment.look_up(
            variants[step.steps, step.views],
            embedded.films,
            embedded,
            embedded.vectors[place],
            splits=[_split(embedded.films, step.references)],
            families=families,
        )
        asked = list(_reranked(answers, implants)) if step.is_reranked else answers.answers
        rows.append(Row(step.name, share_of([one for one in asked if one.rank])))
    return rows


def ticked(film: LabelledFilm, implant: Implant) -> dict[str, str]:
    """What a reviewer might tick of a film of this implant: its words, of which some are left
    out (UNSURE) and some are wrong (WRONG). The same for the same film."""
    rng = np.random.default_rng(
        int.from_bytes(hashlib.blake2b(film.name.encode(), digest_size=8).digest())
    )
    seen = {}
    for feature, words in FEATURES.items():
        word, chance = getattr(implant, feature), rng.random()
        others = [other for other in words.values if other != word]
        if word and chance >= UNSURE:
            seen[feature] = str(rng.choice(others)) if chance >= 1 - WRONG else word
    return seen


def _variants(todo: Sequence[Step], name: str) -> dict[tuple[Steps, int], Variant]:
    by_views = {}
    for views in {step.views for step in todo}:
        found = opened([name], may_fetch=False, views=views)
        if not found.encoders:
            raise EvaluationError(f"{name}: {found.skipped[0].reason}")
        by_views[views] = found.encoders[0]
    return {
        (step.steps, step.views): Variant(by_views[step.views], step.name, step.steps)
        for step in todo
    }


def _split(films: Sequence[LabelledFilm], references: int) -> Split:
    """At most the first `references` of each implant."""
    taken: dict[str, list[int]] = {}
    for place, film in enumerate(films):
        if film.part is Part.REFERENCE:
            taken.setdefault(film.label, []).append(place)
    kept = [place for places in taken.values() for place in places[:references]]
    return Split(kept, [n for n, film in enumerate(films) if film.part is Part.QUERY])


def _reranked(answers: Answers, implants: Mapping[str, Implant]) -> Iterator[Answer]:
    for one in answers.answers:
        ranking = reranked(
            one.candidates,
            ticked(one.film, implants[one.film.label]),
            implant_of=lambda candidate: implants[candidate.label],
            score_of=lambda candidate: candidate.score,
        )
        yield one.as_ranked(ranking)
