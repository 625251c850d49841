"""What an evaluation is written as: JSON, a table, a page of its own, and the gate."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from matching.encoder import make_encoder
from matching.evaluation import baseline, report
from matching.evaluation.baseline import BaselineError, TopThreeFell
from matching.evaluation.embedding import Variant
from matching.evaluation.experiment import evaluate
from matching.evaluation.labelled import LabelledFilm, Skipped
from matching.evaluation.report import ReportRefused
from matching.evaluation.summary import Summary, lines, summarised
from matching.tests.labelled_films import film, films, written

EVIL = '<script>alert("1")</script>&.jpg'
VOID = {"meta", "link", "img", "br", "hr", "input"}


def summary_of(collection: list[LabelledFilm], source: str = "phantoms") -> Summary:
    encoder = make_encoder("raiox-fixture/random")
    measured = evaluate(collection, variants=[Variant(encoder)] * 2, references=2, is_found=False)
    return summarised(
        measured,
        title="Films of a folder",
        conditions={"source": source, "seeds": 1},
        skipped=[Skipped(EVIL, "The file is empty.")],
    )


@pytest.fixture(scope="module")
def summary() -> Summary:
    """Two implants whose films are the same: half of the answers must be wrong."""
    named = [film(0, n, manufacturer=f'<b>"{n % 2}"') for n in range(6)]
    return summary_of([*named, *films(lines=2, each=3)])


class Page(HTMLParser):
    """Tags that are open, and every address that the page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [
            value or "" for name, value in attrs if name in ("src", "href", "action", "data")
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_needs_nothing_else(summary: Summary) -> None:
    text = report.rendered(summary, has_pictures=True)
    page = Page(text)
    assert page.open == []
    assert page.addresses
    assert all(address.startswith("data:image/jpeg;base64,") for address in page.addresses)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert not re.search(r"https?:|url\(|@import", text)
    assert "default-src 'none'" in text


def test_names_are_text_on_the_page(summary: Summary) -> None:
    text = report.rendered(summary, has_pictures=True)
    assert EVIL not in text
    assert "&lt;script&gt;alert(&quot;1&quot;)" in text
    assert '<b>"' not in text


def test_the_worst_mistakes_are_shown_beside_what_they_were_taken_for(summary: Summary) -> None:
    text = report.rendered(summary, has_pictures=True)
    assert text.count("film: ") == text.count("taken for: ") == text.count("should be: ")
    assert text.count("<img ") == Page(text).tags.count("img") >= 3


def test_without_pictures_no_film_is_on_the_page(summary: Summary) -> None:
    text = report.rendered(summary, has_pictures=False)
    assert "<img" not in text
    assert "data:" not in text.replace("img-src data:", "")


def test_a_film_that_is_gone_leaves_a_sentence(tmp_path: Path) -> None:
    paths = [written(tmp_path, f"{n}.jpg", 0, n) for n in range(6)]
    # All of one kind: half of them are taken for the other one.
    collection = [
        film(n % 2, n, read=lambda path=path: Image.open(path)) for n, path in enumerate(paths)
    ]
    summary = summary_of(collection)
    for path in paths:
        path.unlink()
    assert "The film is not there any more." in report.rendered(summary, has_pictures=True)


def test_films_of_patients_are_said_to_be_on_it() -> None:
    summary = summary_of(films(), source="decisions")
    assert "Films of patients are health data" in report.rendered(summary, has_pictures=True)
    assert "This file shows no films." in report.rendered(summary, has_pictures=False)
    assert "Phantoms are not patients" not in report.rendered(summary, has_pictures=True)


def test_the_file_is_its_owners_alone(summary: Summary, tmp_path: Path) -> None:
    report.write(summary, tmp_path / "report.html", has_pictures=False)
    assert (tmp_path / "report.html").stat().st_mode & 0o777 == 0o600


def test_a_report_on_patients_does_not_go_into_the_repository(
    settings: Any, tmp_path: Path
) -> None:
    inside = settings.BASE_DIR / "matching" / "report.html"
    report.check_place(inside, is_of_patients=False)
    report.check_place(tmp_path / "report.html", is_of_patients=True)
    with pytest.raises(ReportRefused, match="repository"):
        report.check_place(inside, is_of_patients=True)
    (tmp_path / "link").symlink_to(inside.parent)
    with pytest.raises(ReportRefused, match="repository"):
        report.check_place(tmp_path / "link" / "report.html", is_of_patients=True)


@pytest.mark.parametrize("place", ["absent/report.html", "."])
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_measured(
    tmp_path: Path, place: str
) -> None:
    with pytest.raises(ReportRefused, match="cannot be written"):
        report.check_place(tmp_path / place, is_of_patients=False)


def test_the_json_has_the_first_variant_flat_and_all_of_them(summary: Summary) -> None:
    found = json.loads(json.dumps(summary.as_json()))
    assert 0 <= found["top1"] <= found["top3"] <= found["top5"] <= 1
    assert 0 < found["mrr"] <= 1
    assert 0 <= found["unknown_auroc"] <= 1
    assert (found["implants"], found["seeds"], found["source"]) == (4, 1, "phantoms")
    assert found["encoder"].startswith("raiox-fixture/random@")
    assert [one["top3"] for one in found["variants"]] == [found["top3"]] * 2
    assert found["skipped"] == [{"file": EVIL, "reason": "The file is empty."}]
    assert sum(one["queries"] for one in found["by_manufacturer"].values()) == found["queries"]


def test_the_table_names_what_was_left_out_and_claims_nothing(summary: Summary) -> None:
    text = "\n".join(lines(summary))
    assert f"skipped {EVIL}: The file is empty." in text
    assert "Random weights" in text
    assert "Phantoms are not patients" in text
    assert "taken for another implant" in text


NOW = {"top3": 0.94, "source": "phantoms", "difficulty": "clinic", "seeds": 1}


@pytest.mark.parametrize("before", [0.97, 0.94, 0.5, 0])
def test_the_gate_lets_three_points_pass(before: float) -> None:
    assert "top 3 is 94.0%" in baseline.compare(NOW, {"top3": before})


@pytest.mark.parametrize("before", [0.9701, 0.98, 1])
def test_the_gate_stops_more_than_three_points(before: float) -> None:
    with pytest.raises(TopThreeFell, match=r"top 3 is 94\.0%, in the baseline .*at most"):
        baseline.compare(NOW, {"top3": before})


@pytest.mark.parametrize("other", [{"difficulty": "hard"}, {"seeds": 2}, {"source": "folder"}])
def test_figures_that_were_measured_otherwise_are_not_compared(other: dict[str, Any]) -> None:
    with pytest.raises(BaselineError, match="measured otherwise"):
        baseline.compare(NOW, {**NOW, **other})


def test_another_encoder_is_what_the_gate_is_for() -> None:
    assert baseline.compare({**NOW, "encoder": "new"}, {**NOW, "encoder": "old"})


def test_a_baseline_is_what_json_prints(summary: Summary, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    baseline.write(file, summary.as_json())
    assert baseline.compare(summary.as_json(), baseline.read(file))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"top3": "0.9"}', '{"top3": 90}', '{"top3": NaN}', '{"top3": -1}', "\x00"],
)
def test_a_file_without_a_share_is_no_baseline(tmp_path: Path, text: str) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(text)
    with pytest.raises(BaselineError, match="baseline"):
        baseline.read(file)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_baseline_that_cannot_be_read_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "baseline.json"
    if content:
        file.write_bytes(content)
    with pytest.raises(BaselineError, match=r"baseline\.json"):
        baseline.read(file)
