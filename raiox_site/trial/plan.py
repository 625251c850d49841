"""What is going to happen at Jotform and on the wire, drawn from a seed."""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

FIRST_NUMBER = 6400000000000000000
SHARE_EDITED = 1 / 3
SHARE_LOST = 1 / 20
# Of the edits of submissions that are delivered at all.
SHARE_OF_EDITS_UNANNOUNCED = 1 / 5


class Kind(enum.Enum):
    """What a dentist edits."""

    TOOTH = enum.auto()
    PATIENT = enum.auto()
    FILE_REPLACED = enum.auto()
    CONTENT_REPLACED = enum.auto()
    FILE_ADDED = enum.auto()
    FILE_REMOVED = enum.auto()


@dataclass(frozen=True)
class Options:
    """`seconds` is for how long deliveries are sent, `patience` how long the end may take."""

    deliveries: int = 500
    submissions: int = 200
    kills: int = 12
    seed: int = 0
    with_key: bool = True
    with_faults: bool = False
    keep: bool = False
    patience: float = 15 * 60

    @property
    def seconds(self) -> float:
        return max(self.deliveries / 4, 6.0 * self.kills, 10.0)


@dataclass(frozen=True)
class Delivery:
    """One webhook; `version` 0 says what was submitted, 1 what the first edit made of it."""

    at: float
    number: int
    submission_id: str
    version: int


@dataclass(frozen=True)
class Edit:
    at: float
    submission_id: str
    version: int
    kind: Kind


@dataclass(frozen=True)
class Plan:
    """`steps` in order; `at` runs from 0 to 1. Of `lost` submissions no webhook is sent."""

    submissions: tuple[str, ...]
    lost: frozenset[str]
    steps: tuple[Delivery | Edit, ...]

    @property
    def deliveries(self) -> list[Delivery]:
        return [step for step in self.steps if isinstance(step, Delivery)]

    @property
    def edits(self) -> list[Edit]:
        return [step for step in self.steps if isinstance(step, Edit)]


def draw(options: Options) -> Plan:
    """Raises ValueError when there are too few deliveries for the submissions."""
    rng = Random(options.seed)  # noqa: S311 # nosec B311 # invented data, the same for a seed
    ids = tuple(str(FIRST_NUMBER + number) for number in range(options.submissions))
    lost = frozenset(rng.sample(ids, _share(ids, SHARE_LOST)) if options.with_key else ())
    edits = list(_edits(rng, ids, options.with_key))
    delivered = [one for one in ids if one not in lost]
    told = [*_first_ones(rng, delivered), *_announcements(rng, edits, lost, options.with_key)]
    missing = options.deliveries - len(told)
    if missing < 0:
        raise ValueError(f"{options.submissions} submissions take {len(told)} deliveries at least")
    told += [_again(rng, rng.choice(delivered), edits) for _repeated in range(missing)]
    told.sort()
    steps: list[Delivery | Edit] = [
        Delivery(at, number, submission_id, version)
        for number, (at, submission_id, version) in enumerate(told)
    ]
    return Plan(ids, lost, tuple(sorted([*edits, *steps], key=lambda step: step.at)))


Told = tuple[float, str, int]


def _share(ids: Sequence[str], share: float) -> int:
    return max(1, round(len(ids) * share))


def _edits(rng: Random, ids: Sequence[str], with_key: bool) -> Iterator[Edit]:
    # Without a key nobody can see that the content behind an address is another one.
    kinds = [kind for kind in Kind if with_key or kind != Kind.CONTENT_REPLACED]
    for submission_id in rng.sample(ids, _share(ids, SHARE_EDITED)):
        times = sorted(rng.uniform(0.1, 0.95) for _edit in range(rng.choice((1, 1, 2))))
        for version, at in enumerate(times, 1):
            yield Edit(at, submission_id, version, rng.choice(kinds))


def _first_ones(rng: Random, ids: Sequence[str]) -> list[Told]:
    return [(rng.uniform(0.0, 0.8), submission_id, 0) for submission_id in ids]


def _announcements(
    rng: Random, edits: Sequence[Edit], lost: frozenset[str], with_key: bool
) -> list[Told]:
    """A webhook after each edit; with a key some are left out, as polling makes up for them."""
    return [
        (rng.uniform(edit.at, 1.0), edit.submission_id, edit.version)
        for edit in edits
        if edit.submission_id not in lost
        and not (with_key and rng.random() < SHARE_OF_EDITS_UNANNOUNCED)
    ]


def _again(rng: Random, submission_id: str, edits: Sequence[Edit]) -> Told:
    """Any version once more, an old one also long after a newer one."""
    made = [(edit.at, edit.version) for edit in edits if edit.submission_id == submission_id]
    since, version = rng.choice([(0.0, 0), *made])
    return (rng.uniform(since, 1.0), submission_id, version)
