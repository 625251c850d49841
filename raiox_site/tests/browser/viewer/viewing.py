"""A small page with the viewer on it, served with the site's policy, and ways to measure it."""

import functools
import http.server
import json
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.template import engines
from django.template.loader import render_to_string
from PIL import Image, ImageDraw

from cases import apps as cases_apps
from matching.boxes import Box

if TYPE_CHECKING:
    from playwright.sync_api import Page

FILM = (1200, 900)
REFERENCE = (400, 700)
FIXTURE = Box(x=500, y=400, width=90, height=240, angle=20)
SUGGESTED = Box(x=800, y=450, width=80, height=200, angle=-10)
IN_REFERENCE = Box(x=180, y=360, width=200, height=500, angle=-5)

STATIC = Path(cases_apps.__file__).parent / "static"
PAGE = """<!doctype html><html lang="pt-BR"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Filme</title>
<link rel="icon" href="/static/cases/icon.svg"><link rel="stylesheet" href="/static/cases/base.css">
<link rel="stylesheet" href="/static/cases/viewer.css">
<script type="module" src="/static/cases/compare.js"></script></head>
<body><main><h1>Filme</h1>{body}<p class="below">Fim</p></main></body></html>"""
BOXES = """<ul class="boxes" data-boxes>
<li data-box="{{ fixture }}" data-finding="12" data-label="1">1</li>
<li data-box="{{ suggested }}" data-suggested data-label="2">2</li></ul>"""
# The modules are the page's own: the same objects as those that work there.
SETUP = """async () => {
  const { viewerOf } = await import("/static/cases/viewer.js");
  const { cropperOf } = await import("/static/cases/crop.js");
  const { compareOf } = await import("/static/cases/compare.js");
  const section = document.querySelector("[data-viewer]");
  window.viewer = viewerOf(section);
  window.cropper = cropperOf(section);
  window.reference = viewerOf(document.querySelector("[data-reference]"));
  window.compare = compareOf(document.querySelector("[data-compare]"));
  window.heard = [];
  for (const name of ["crop:done", "crop:removed", "crop:selected"]) {
    section.addEventListener(name, ({ detail }) => window.heard.push([name, detail]));
  }
}"""
FRAMES = """async () => {
  for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
}"""
WAIT = """async () => {
  for (let frame = 0; frame < 600; frame += 1) {
    if (CONDITION) return;
    await new Promise(requestAnimationFrame);
  }
  throw new Error("never came");
}"""
# By what the browser paints, not by what the modules say.
ON_SCREEN = """([selector, points]) => {
  const img = document.querySelector(selector);
  const stage = img.closest(".viewer-stage").getBoundingClientRect();
  const matrix = new DOMMatrix(getComputedStyle(img).transform);
  return points.map(([x, y]) => {
    const point = matrix.transformPoint(new DOMPoint(x, y));
    return [stage.left + point.x, stage.top + point.y];
  });
}"""

Point = tuple[float, float]


def _draw(path: Path, size: tuple[int, int], box: Box) -> None:
    image = Image.new("L", size, 40)
    ImageDraw.Draw(image).polygon(box.corners(), fill=220)
    image.save(path)


def write_page(folder: Path, *, film: str = "film.png", can_mark: bool = True) -> None:
    _draw(folder / "film.png", FILM, FIXTURE)
    _draw(folder / "reference.png", REFERENCE, IN_REFERENCE)
    boxes = {
        "fixture": json.dumps(FIXTURE.as_json()),
        "suggested": json.dumps(SUGGESTED.as_json()),
    }
    body = render_to_string(
        "admin/viewer/compare.html",
        {
            **boxes,
            "label": "Radiografia 1",
            "alt": "Radiografia 1",
            "src": film,
            "width": FILM[0],
            "height": FILM[1],
            "is_deciding": True,
            "can_mark": can_mark,
            "boxes_template": engines["django"].from_string(BOXES),
        },
    )
    (folder / "index.html").write_text(PAGE.replace("{body}", body), encoding="utf-8")


class _Files(http.server.SimpleHTTPRequestHandler):
    def translate_path(self, path: str) -> str:
        if path.startswith("/static/"):
            return str(STATIC / path.removeprefix("/static/"))
        return super().translate_path(path)

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", "default-src 'self'")
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: what is missing shows up in the browser."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    handler = functools.partial(_Files, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class Viewing:
    """The film on its page, in film pixels and in pixels of the window."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        page.evaluate(SETUP)
        self.settle()

    def settle(self) -> None:
        self.page.evaluate(FRAMES)

    def run(self, script: str, argument: Any = None) -> Any:
        answer = self.page.evaluate(script, argument)
        self.settle()
        return answer

    def wait(self, condition: str) -> None:
        """Until it holds. Playwright's own waiting evaluates text, which the policy refuses."""
        self.page.evaluate(WAIT.replace("CONDITION", condition))

    @property
    def view(self) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate("viewer.view")
        return found

    @property
    def heard(self) -> list[Any]:
        found: list[Any] = self.page.evaluate("heard")
        return found

    def on_screen(self, *points: Point, picture: str = "img[data-film]") -> list[Point]:
        self.settle()
        found = self.page.evaluate(ON_SCREEN, [picture, points])
        return [(x, y) for x, y in found]

    def at_screen(self, x: float, y: float) -> Point:
        """The film point that is painted at a point of the window."""
        (left, top), (right, _same), (_left, below) = self.on_screen((0, 0), (1, 0), (0, 1))
        across, down = (right - left, _same - top), (_left - left, below - top)
        size = across[0] * down[1] - across[1] * down[0]
        way = (x - left, y - top)
        return (
            (way[0] * down[1] - way[1] * down[0]) / size,
            (way[1] * across[0] - way[0] * across[1]) / size,
        )

    def stage_point(self, across: float, down: float) -> Point:
        box = self.page.locator(".viewer-stage").first.bounding_box()
        assert box
        # The wheel is told in whole pixels.
        return round(box["x"] + box["width"] * across), round(box["y"] + box["height"] * down)

    def drag(self, start: Point, end: Point) -> None:
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        mouse.move(*end)
        mouse.up()
        self.settle()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.settle()

    def focus_stage(self) -> None:
        self.page.locator(".viewer-stage").first.focus()

    def tool(self, name: str) -> None:
        self.page.locator(f"[data-viewer]:not([data-reference]) [data-tool={name}]").click()
        self.settle()

    def compare(self) -> None:
        self.run(
            "(crop) => compare.show({src: 'reference.png', width: 400, height: 700, crop,"
            " name: 'Fabricante Linha', finding: '12'})",
            IN_REFERENCE.as_json(),
        )
        self.wait("reference.picture.state === 'ready'")
        self.settle()


def distance(one: Point, other: Point) -> float:
    return math.dist(one, other)


def touch(film: Viewing, *steps: list[Point]) -> None:
    session = film.page.context.new_cdp_session(film.page)
    for number, points in enumerate(steps):
        kind = "touchStart" if number == 0 else "touchMove"
        fingers = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    film.settle()


def _middle(one: Point, other: Point) -> Point:
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def ends(box: Box) -> tuple[Point, Point]:
    """The middle of the platform and of the apex."""
    left, right, apex_right, apex_left = box.corners()
    return _middle(left, right), _middle(apex_right, apex_left)
