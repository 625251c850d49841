"""What one sees on a film: what tells implants apart, in words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TypeVar

from implants.models import Implant
from implants.vocabulary import FEATURES

T = TypeVar("T")

# Further down nobody looks, and a first look that is so far off is not mended by words.
DEPTH = 20
# What one contradiction costs, as a share of the distance from the first to the last of them:
# cosines of one encoder spread far more than those of another.
WEIGHT = 0.75


@dataclass(frozen=True)
class Difference:
    """A feature in which implants differ: its label, and of each implant, in their order, the
    word as people read it; empty where it is not known."""

    feature: str
    label: str
    words: tuple[str, ...]


def clean_seen(data: Mapping[str, str]) -> dict[str, str]:
    """What of `data` is a feature with a word of its vocabulary; "not sure" and everything
    else is left out."""
    return {
        feature: data[feature]
        for feature, words in FEATURES.items()
        if data.get(feature) in words.values
    }


def reranked(
    ranking: Sequence[T],
    seen: Mapping[str, str],
    *,
    implant_of: Callable[[T], Implant] = attrgetter("implant"),
    score_of: Callable[[T], float] = attrgetter("similarity"),
    weight: float = WEIGHT,
    depth: int = DEPTH,
) -> list[T]:
    """A ranking, best first, after what was seen (feature → word): none of it is dropped.

    Every feature of which another word is known lowers an implant among the first `depth` by
    `weight` times their spread, so that one wrong tick does not bury the right one. What is
    not known of an implant, or was not seen, never counts against it. With a weight above 1
    whatever is contradicted stands behind everything that is not.
    """
    head, seen = ranking[:depth], clean_seen(seen)
    if not head or not seen:
        return list(ranking)
    cost = weight * (score_of(head[0]) - score_of(head[-1]))

    def lowered(one: T) -> float:
        return score_of(one) - cost * len(implant_of(one).contradictions(seen))

    return [*sorted(head, key=lowered, reverse=True), *ranking[depth:]]


def differences(implants: Sequence[Implant]) -> list[Difference]:
    """The features of which two of the implants are known to have different words."""
    return [
        Difference(feature, label_of(feature), tuple(_word(one, feature) for one in implants))
        for feature in FEATURES
        if len({getattr(one, feature) for one in implants} - {""}) > 1
    ]


def label_of(feature: str) -> str:
    return str(getattr(Implant._meta.get_field(feature), "verbose_name", feature))


def _word(implant: Implant, feature: str) -> str:
    word = getattr(implant, feature)
    return str(dict(FEATURES[feature].choices).get(word, word))
