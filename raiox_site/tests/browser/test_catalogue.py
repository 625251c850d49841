"""The catalogue, as its staff keeps it."""

import base64
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from implants.models import Implant, ReferenceImage
from matching import indexing
from matching.models import Embedding
from raiox_site.tests.browser import stock
from raiox_site.tests.browser.desk import Desk
from raiox_site.tests.browser.pointing import Pointer

IMPLANTS = "/admin/implants/implant/"
REFERENCES = "/admin/implants/referenceimage/"
DROP = """(target, files) => {
  const data = new DataTransfer();
  for (const { name, type, content } of files) {
    const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
    data.items.add(new File([bytes], name, { type }));
  }
  for (const kind of ["dragenter", "dragover", "drop"]) {
    const options = { dataTransfer: data, bubbles: true, cancelable: true };
    target.dispatchEvent(new DragEvent(kind, options));
  }
}"""
TABLE = """manufacturer;name;type;diameter_mm;length_mm;connection
{known.manufacturer};{known.name};{known.type};{known.diameter_mm};{known.length_mm};external_hex
Fabricante Novo;Linha Nova;Cone Morse;4,0;10;internal_conical
"""


def drop(target: Locator, files: dict[str, bytes]) -> None:
    """Let files fall on the page, as from the desktop."""
    sent = [
        {
            "name": name,
            "type": {".jpg": "image/jpeg", "": ""}.get(Path(name).suffix, "text/plain"),
            "content": base64.b64encode(content).decode(),
        }
        for name, content in files.items()
    ]
    target.evaluate(DROP, sent)


def index_new_films() -> None:
    """What the worker does."""
    for reference in ReferenceImage.objects.filter(embeddings=None, error=""):
        indexing.index_reference(reference_id=reference.pk)


def rows(page: Page, result: str) -> Locator:
    return page.locator(f".drop-row[data-result='{result}']")


def test_the_catalogue_with_what_is_doubtful(desk: Desk, catalogue: list[Any]) -> None:
    ReferenceImage.objects.filter(implant=catalogue[1]).update(warnings=["too_small", "stretched"])
    page = desk.open(IMPLANTS, user="catalogo")
    expect(page.locator("#result_list tbody tr")).to_have_count(len(catalogue))
    desk.check(page, "catalogue")

    page.goto(REFERENCES)
    row = page.locator("#result_list tbody tr").filter(has_text=catalogue[1].name).first

    expect(row.locator(".doubts li")).to_have_count(2)
    desk.check(page, "references")


def test_many_films_are_dropped_on_an_implant(desk: Desk, catalogue: list[Any]) -> None:
    desk.watch.allow("status of 4[01]")
    page = desk.open(f"{IMPLANTS}{catalogue[0].pk}/change/", user="catalogo")
    desk.check(page, "implant")

    drop(
        page.locator("[data-drop-target]"),
        {
            "one.jpg": stock.picture(stock.ROWS[0], 1),
            "two.jpg": stock.picture(stock.ROWS[0], 2),
            "IMG_0003": stock.picture(stock.ROWS[0], 3),
            "again.jpg": stock.picture(stock.ROWS[0], 0),
            "note.txt": b"no film",
        },
    )

    expect(rows(page, "added")).to_have_count(3)
    expect(rows(page, "refused")).to_have_count(2)
    assert catalogue[0].references.count() == 4
    index_new_films()
    expect(rows(page, "added").locator("[data-state='searchable']")).to_have_count(3)
    desk.check(page, "implant-films-dropped")


def test_a_folder_is_sorted_by_the_names_of_its_files(desk: Desk, catalogue: list[Any]) -> None:
    page = desk.open(f"{REFERENCES}drop/", user="catalogo")
    implant = catalogue[1]
    maker = implant.manufacturer.upper().replace(" ", "_")
    named = f"{maker}_{implant.name.upper().replace(' ', '_')}_{implant.diameter_mm}mm_01.jpg"

    drop(
        page.locator("[data-drop-target]"),
        {named: stock.picture(stock.ROWS[1], 3), "IMG_0001.jpg": stock.picture(stock.ROWS[2], 3)},
    )

    expect(page.locator(".drop-row")).to_have_count(2)
    expect(page.locator(".drop-row select").first).to_have_value(str(implant.pk))
    expect(page.locator(".drop-row select").nth(1)).to_have_value("")
    desk.check(page, "films-by-name")
    page.locator("[data-start]").click()
    expect(rows(page, "added")).to_have_count(1)
    expect(rows(page, "left-out")).to_have_count(1)
    assert implant.references.count() == 2


@pytest.mark.parametrize("status", [502, 413, 0])
def test_films_stay_chosen_when_nobody_says_where_they_belong(
    desk: Desk, catalogue: list[Any], status: int
) -> None:
    """A proxy answers in its own way, or nobody at all."""
    desk.watch.allow("Failed to load resource")
    page = desk.open(f"{REFERENCES}drop/", user="catalogo")
    form = page.locator("form[data-drop]")
    text = {502: "text-failed", 413: "text-too-many", 0: "text-unreachable"}[status]
    page.route(
        "**/drop/assign/",
        lambda route: (
            route.fulfill(status=status, body="<html>Bad Gateway</html>")
            if status
            else route.abort()
        ),
    )

    drop(page.locator("[data-drop-target]"), {"IMG_0001": stock.picture(stock.ROWS[1], 3)})

    summary = page.locator("[data-drop-summary]")
    expect(summary).to_have_text(form.get_attribute(f"data-{text}") or "?")
    expect(page.locator(".drop-row")).to_have_count(1)
    page.unroute("**/drop/assign/")
    page.locator("[data-again]").click()
    row = page.locator(".drop-row")
    expect(page.locator("[data-again]")).to_be_hidden()
    expect(page.locator("[data-start]")).to_be_visible()
    expect(row.locator("[data-result]")).not_to_have_text(form.get_attribute("data-text-waiting"))


def test_the_crop_of_a_reference_is_drawn(desk: Desk, catalogue: list[Any]) -> None:
    reference = catalogue[0].references.get()
    page = desk.open(f"{REFERENCES}{reference.pk}/crop/", user="catalogo")
    pointer = Pointer(page, page.locator(".crop-film [data-viewer]"))
    desk.check(page, "reference-crop")

    pointer.tool("mark")
    pointer.draw((0.5, 0.25), (0.5, 0.75))
    with page.expect_navigation():
        pointer.tool("accept")

    reference.refresh_from_db()
    assert reference.crop is not None
    assert abs(reference.crop["angle"]) < 2
    desk.check(page, "reference-cropped")


def test_implants_are_taken_out_of_the_search_and_kept(desk: Desk, catalogue: list[Any]) -> None:
    page = desk.open(IMPLANTS, user="catalogo")

    page.locator("#result_list input[name=_selected_action]").first.check()
    page.select_option("select[name=action]", "deactivate")
    with page.expect_navigation():
        page.locator("#changelist-form button[name=index], [name=index]").first.click()
    desk.check(page, "deactivate")
    with page.expect_navigation():
        page.locator("[name=confirmed]").click()

    assert Implant.objects.filter(is_active=False).count() == 1
    assert Implant.objects.count() == len(catalogue)


def test_a_table_shows_what_it_would_change_before_it_does(
    desk: Desk, catalogue: list[Any], tmp_path: Path
) -> None:
    table = tmp_path / "implants.csv"
    table.write_text(TABLE.format(known=catalogue[2]), encoding="utf-8")
    page = desk.open(f"{IMPLANTS}import/", user="catalogo")
    desk.check(page, "import")

    page.set_input_files("[name=table]", table)
    with page.expect_navigation():
        page.locator("form [name=table]").locator("xpath=ancestor::form").locator(
            "[type=submit]"
        ).click()
    expect(page.locator(".import-preview")).to_contain_text("Linha Nova")
    assert Implant.objects.count() == len(catalogue)
    desk.check(page, "import-preview")
    with page.expect_navigation():
        page.locator("form[action$='/confirm/'] [type=submit]").click()

    assert Implant.objects.get(name="Linha Nova").connection == "internal_conical"
    catalogue[2].refresh_from_db()
    assert catalogue[2].connection == "external_hex"


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_catalogue_is_exported(desktop: Desk, catalogue: list[Any], kind: str) -> None:
    page = desktop.open(IMPLANTS, user="catalogo")

    with page.expect_download() as download:
        page.locator(f".object-tools a[href*='format={kind}']").click()

    assert re.fullmatch(rf"implants-[\d-]+\.{kind}", download.value.suggested_filename)
    content = Path(download.value.path()).read_bytes()
    assert content.startswith(b"PK" if kind == "xlsx" else b"") and len(content) > 400
    if kind == "csv":
        assert catalogue[0].name in content.decode("utf-8-sig")


def test_a_deactivated_reference_is_not_searched(desktop: Desk, catalogue: list[Any]) -> None:
    reference = catalogue[0].references.get()
    page = desktop.open(f"{REFERENCES}{reference.pk}/change/", user="catalogo")

    page.uncheck("[name=is_active]")
    with page.expect_navigation():
        page.locator("[name=_save]").click()

    reference.refresh_from_db()
    assert not reference.is_active
    assert Embedding.objects.filter(reference_image=reference).exists()
    expect(page.locator(f"[data-reference-state='{reference.pk}']")).to_have_attribute(
        "data-state", "inactive"
    )
