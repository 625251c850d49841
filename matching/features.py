"""What one sees on a film: what tells implants apart, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from implants.models import Implant
from implants.vocabulary import FEATURES


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
