"""How often the matcher names the right implant: on films it has not seen."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from implants.models import Implant, ReferenceImage
from matching import radiograph
from matching.encoder import get_encoder
from matching.matcher import nearest_implants
from matching.phantoms import phantom_jpeg

# References use the seeds 0, 1, 2 …; queries start here, so that no film is its own answer.
FIRST_QUERY_SEED = 100_000
TOP = 5


@dataclass(frozen=True)
class Query:
    """One film whose implant is known, and the place of that implant (None: not among TOP)."""

    implant: Implant
    rank: int | None


@dataclass(frozen=True)
class Recall:
    """recall@k over all queries: the share whose implant is among the first k candidates."""

    encoder: str
    queries: int
    top1: float
    top3: float
    top5: float
    mrr: float


def demo_implants() -> list[Implant]:
    """The active implants that have phantom references."""
    return list(
        Implant.objects.active()
        .filter(references__provenance=ReferenceImage.Provenance.PHANTOM)
        .distinct()
    )


def identify_phantoms(
    implants: Iterable[Implant], *, difficulty: str, seeds: int = 1
) -> Iterator[Query]:
    """Render `seeds` unseen films of each implant and look each of them up."""
    encoder = get_encoder()
    for implant in implants:
        for offset in range(seeds):
            content = phantom_jpeg(implant, seed=FIRST_QUERY_SEED + offset, difficulty=difficulty)
            vector = encoder.encode([radiograph.load(content).image])[0]
            candidates = nearest_implants(vector, encoder=encoder.id, limit=TOP)
            ranks = [c.rank for c in candidates if c.implant.pk == implant.pk]
            yield Query(implant, ranks[0] if ranks else None)


def recall(queries: Iterable[Query]) -> Recall:
    """Summarise queries; raises ValueError when there are none."""
    ranks = [query.rank for query in queries]
    if not ranks:
        raise ValueError("there is nothing to evaluate")
    return Recall(
        encoder=get_encoder().id,
        queries=len(ranks),
        top1=_share(ranks, 1),
        top3=_share(ranks, 3),
        top5=_share(ranks, 5),
        mrr=sum(1.0 / rank for rank in ranks if rank) / len(ranks),
    )


def _share(ranks: list[int | None], k: int) -> float:
    return sum(rank is not None and rank <= k for rank in ranks) / len(ranks)
