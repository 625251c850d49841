"""The same film again costs a look-up; what is kept says nothing and goes with the case."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from django.core.cache import caches
from django.db import connection

from cases import candidates, erasure, film_cache, intake, retention
from cases.films import IncomingImage
from cases.intake import Person
from cases.models import Case, CaseImage, Finding, Result
from implants.models import Implant
from matching import finder, measured, seeing
from matching.boxes import Box
from matching.encoder import ClipEncoder, get_encoder
from matching.finder import Found
from matching.seeing import Seen

pytestmark = pytest.mark.django_db

KEY = "a" * 64
BROKEN = {
    "Redis is down": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": "redis://127.0.0.1:1/0",
    },
    "the table is missing": {
        "BACKEND": "raiox_site.byte_caches.ByteDatabaseCache",
        "LOCATION": "no_such_table",
    },
}


@pytest.fixture(autouse=True)
def empty(db: None) -> Iterator[None]:
    caches["films"].clear()
    yield


def compared(content: bytes, client: str) -> Case:
    case = intake.receive(
        source=Case.Source.UPLOAD,
        images=[IncomingImage(content=content)],
        person=Person(client_id=client),
        run_inline=True,
    ).case
    return intake.process(case_id=case.pk)


def answers(case: Case) -> list[tuple[Any, ...]]:
    rows = Result.objects.filter(finding__case_image__case=case).order_by("finding", "rank")
    return list(rows.values_list("rank", "implant", "similarity", "encoder", "reference_image"))


def findings(case: Case) -> list[dict[str, Any]]:
    names = ("box", "found_score", "band", "is_unknown", "encoder")
    return list(Finding.objects.filter(case_image__case=case).order_by("pk").values(*names))


def rows() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT cache_key || value FROM raiox_film_cache")
        return [text for (text,) in cursor.fetchall()]


def count(metric: Any, **labels: str) -> float:
    return float(metric.labels(**labels)._value.get())


def refuse(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError("it was looked at once more")


@pytest.fixture
def known(
    catalogue: list[Implant], film: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> tuple[bytes, Case]:
    """A film with a box that was compared for another client; from now on nothing is looked for
    on a film, and nothing embedded."""
    found = [Found(Box(75, 130, 50, 150, 10), 0.75)]
    monkeypatch.setattr(finder, "look", lambda image: found)
    content = film(seed=77, size=(150, 260))
    case = compared(content, "first")
    monkeypatch.setattr(finder, "look", refuse)
    monkeypatch.setattr(ClipEncoder, "encode", refuse)
    return content, case


def test_the_same_film_of_another_client_is_neither_searched_nor_embedded(
    known: tuple[bytes, Case],
) -> None:
    content, first = known
    before = count(measured._cache, cache="embedding", result="hit")
    second = compared(content, "second")
    assert second.pk != first.pk
    assert second.status == Case.Status.PENDING
    assert answers(second) == answers(first) != []
    assert findings(second) == findings(first)
    assert second.images.get().doubts == first.images.get().doubts
    vectors = Finding.objects.order_by("pk").values_list("vector", flat=True)
    assert np.allclose(vectors[0], vectors[1])
    assert count(measured._cache, cache="embedding", result="hit") == before + 1


def test_its_candidates_are_those_of_the_catalogue_as_it_is_now(
    known: tuple[bytes, Case],
) -> None:
    content, first = known
    best = Result.objects.get(finding__case_image__case=first, rank=1).implant
    Implant.objects.filter(pk=best.pk).update(is_active=False)
    second = compared(content, "second")
    assert best.pk not in [implant for _rank, implant, *_rest in answers(second)]


def test_the_store_holds_neither_the_digest_nor_anything_that_could_be_run(
    known: tuple[bytes, Case],
) -> None:
    (row,) = rows()
    sha256 = CaseImage.objects.get().sha256
    assert sha256 not in row
    assert film_cache._key(sha256) in row
    kept = caches["films"].get(film_cache._key(sha256))
    assert kept.startswith(seeing.BEGINNING)


@pytest.mark.parametrize(
    "erase",
    [
        lambda case: erasure.erase_case(case_id=case.pk),
        lambda case: erasure.erase_dentist(email="first"),
        lambda case: retention.erase(case_id=case.pk, is_asked=False),
    ],
    ids=["the case", "the person", "the time is over"],
)
def test_what_was_seen_goes_with_the_case(
    known: tuple[bytes, Case], erase: Callable[[Case], Any]
) -> None:
    content, first = known
    assert len(rows()) == 1
    erase(first)
    assert rows() == []
    second = intake.receive(
        source=Case.Source.UPLOAD,
        images=[IncomingImage(content=content)],
        person=Person(client_id="second"),
        run_inline=True,
    ).case
    with pytest.raises(AssertionError, match="once more"):
        intake.process(case_id=second.pk)


def test_a_run_that_ends_after_the_erasure_leaves_nothing(known: tuple[bytes, Case]) -> None:
    image = CaseImage.objects.get()
    seen = film_cache.recall(image.sha256)
    retention.erase(case_id=image.case_id)
    candidates.keep_seen([candidates.Outcome(image, seen=seen)])
    assert rows() == []


@pytest.mark.parametrize("cache", BROKEN.values(), ids=BROKEN)
def test_a_broken_cache_is_counted_and_breaks_nothing(
    settings: Any, catalogue: list[Implant], film: Callable[..., bytes], cache: dict[str, str]
) -> None:
    settings.CACHES = {**settings.CACHES, "films": cache}
    before = count(measured._errors, kind="cache")
    case = compared(film(seed=78, size=(150, 260)), "first")
    assert case.status == Case.Status.PENDING
    assert count(measured._errors, kind="cache") == before + 2
    erasure.erase_case(case_id=case.pk)
    assert count(measured._errors, kind="cache") == before + 3


def test_without_a_time_nothing_is_kept(
    settings: Any, catalogue: list[Implant], film: Callable[..., bytes]
) -> None:
    settings.RAIOX_EMBEDDING_CACHE_SECONDS = 0
    compared(film(seed=78, size=(150, 260)), "first")
    assert rows() == []


def seen(fixtures: int = 2, encoder: str = "") -> Seen:
    vectors = np.random.default_rng(fixtures).normal(size=(max(fixtures, 1), 512))
    found = [Found(Box(10.5, 20, 30, 40, -3.25), 0.5 + n / 10) for n in range(fixtures)]
    encoder = encoder or get_encoder().id
    return Seen(encoder, found, ["tilted", "too_small"], list(vectors.astype(np.float32)))


@pytest.mark.parametrize("fixtures", [0, 1, 12])
def test_what_comes_out_is_what_went_in(fixtures: int) -> None:
    one = seen(fixtures)
    film_cache.keep(KEY, one)
    other = film_cache.recall(KEY)
    assert other is not None
    assert (other.encoder, other.found, other.doubts) == (one.encoder, one.found, one.doubts)
    assert np.array_equal(np.asarray(other.vectors), np.asarray(one.vectors))


def test_another_encoder_or_another_finder_saw_something_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    film_cache.keep(KEY, seen(encoder="ViT-B-32/other@000000000000/pad-v1"))
    assert film_cache.recall(KEY) is None
    film_cache.keep(KEY, seen())
    assert film_cache.recall(KEY) is not None
    monkeypatch.setattr(seeing, "_finder", lambda: b"\1" * 32)
    assert film_cache.recall(KEY) is None


def test_a_film_over_which_the_finder_stumbled_is_looked_at_again(
    catalogue: list[Implant], film: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(image: Any) -> Any:
        raise RuntimeError("bad allocation")

    content = film(seed=78, size=(150, 260))
    found = [Found(Box(75, 130, 50, 150, 10), 0.75)]
    with monkeypatch.context() as patch:
        patch.setattr(finder, "_find", stumble)
        first = compared(content, "first")
    assert [one["box"] for one in findings(first)] == [None]
    assert rows() == []
    monkeypatch.setattr(finder, "_find", lambda image: found)
    second = compared(content, "second")
    assert [one["box"] for one in findings(second)] == [found[0].box.as_json()]
    assert len(rows()) == 1


@pytest.mark.parametrize("broken", [b"", b"raiox", b"\x80\x04K\x01.", "short", "long", "nan"])
def test_what_somebody_else_wrote_into_the_store_is_as_nothing(broken: Any) -> None:
    whole = seen().as_bytes()
    nan = whole[:-4] + np.float32(np.nan).tobytes()
    value = {"short": whole[:-1], "long": whole + b"\0", "nan": nan}.get(broken, broken)
    caches["films"].set(film_cache._key(KEY), value)
    assert film_cache.recall(KEY) is None


def test_what_has_expired_is_not_found_and_goes_with_the_next_film() -> None:
    caches["films"].set("old", b"old", timeout=-1)
    assert caches["films"].get("old") is None
    assert len(rows()) == 1
    caches["films"].set("new", b"new", timeout=60)
    caches["films"].set("new", b"newer", timeout=60)
    assert caches["films"].get("new") == b"newer"
    assert len(rows()) == 1
