"""Labelled films as what limits are set on."""

from collections.abc import Iterable, Iterator
from itertools import chain

from matching.calibrating.held_out import Embedded, HeldOut, leave_implants_out
from matching.encoder import ClipEncoder
from matching.evaluation.embedding import Variant, embed
from matching.evaluation.experiment import families_of
from matching.evaluation.labelled import EvaluationError, LabelledFilm
from matching.evaluation.phantoms import Wanted, film_count, phantom_films
from matching.evaluation.split import split, with_same_films_joined


def phantoms(level: str, *, references: int, queries: int) -> tuple[Iterator[LabelledFilm], int]:
    """Films of the demo implants and of the lines that no training has seen, and how many."""
    gallery = Wanted(level, references, queries, is_held_out=True)
    asked = Wanted(level, references=0, queries=queries)
    total = film_count(gallery) + film_count(asked)
    return chain(phantom_films(gallery), phantom_films(asked)), total


def held_out(
    films: Iterable[LabelledFilm], *, encoder: ClipEncoder, references: int
) -> list[HeldOut]:
    """Films ranked by the references of others, with and without their implants.

    Fixtures are cut out where the finder finds them. Raises EncoderError, EvaluationError
    where no film can be read, TooLittle.
    """
    embedded = embed(films, [Variant(encoder)])
    if not embedded.films:
        raise EvaluationError("No film could be read.")
    labelled, _same = with_same_films_joined(embedded.films, embedded.small)
    families = families_of(labelled)
    vectors = [
        Embedded(film.label, str(families[film.label]), film.group, vector)
        for film, vector in zip(labelled, embedded.vectors[0], strict=True)
    ]
    parts = split(labelled, references=references)
    return leave_implants_out(
        [vectors[place] for place in parts.references], [vectors[place] for place in parts.queries]
    )
