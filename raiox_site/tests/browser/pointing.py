"""Mouse and finger on a viewer."""

from typing import Any

from playwright.sync_api import Locator, Page

VIEW = """async (section) => {
  for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
  const { viewers } = await import("/static/cases/viewer.js");
  const { scale, x, y, turn, brightness, contrast, invert } = viewers.get(section).view;
  return { scale, x, y, turn, brightness, contrast, invert };
}"""
FILM_BOX = """async (section) => {
  const { viewers } = await import("/static/cases/viewer.js");
  const viewer = viewers.get(section);
  const stage = viewer.stage.getBoundingClientRect();
  const { width, height } = viewer.film;
  const [a, b] = [viewer.toStage({ x: 0, y: 0 }), viewer.toStage({ x: width, y: height })];
  return { x: stage.x + a.x, y: stage.y + a.y, width: b.x - a.x, height: b.y - a.y };
}"""


class Pointer:
    """Points at places of the film of one viewer, given as shares of its width and height."""

    def __init__(self, page: Page, section: Locator) -> None:
        self.page, self.section = page, section
        self.stage = section.locator(".viewer-stage")
        self._finger = page.context.new_cdp_session(page)

    @property
    def view(self) -> dict[str, Any]:
        return dict(self.section.evaluate(VIEW))

    def tool(self, name: str) -> None:
        button = self.section.locator(f"[data-tool={name}]")
        button.scroll_into_view_if_needed()
        button.click()

    def at(self, place: tuple[float, float]) -> tuple[float, float]:
        """A place of the film, in pixels of the window."""
        self.stage.scroll_into_view_if_needed()
        box = self.section.evaluate(FILM_BOX)
        return box["x"] + place[0] * box["width"], box["y"] + place[1] * box["height"]

    def draw(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press, drag and let go: with the mouse, or with a finger on a phone."""
        (x, y), (to_x, to_y) = self.at(start), self.at(end)
        if self.page.evaluate("matchMedia('(pointer: coarse)').matches"):
            self._swipe(x, y, to_x, to_y)
            return
        mouse = self.page.mouse
        mouse.move(x, y)
        mouse.down()
        mouse.move((x + to_x) / 2, (y + to_y) / 2, steps=4)
        mouse.move(to_x, to_y, steps=4)
        mouse.up()

    def wheel(self, place: tuple[float, float], delta: int) -> None:
        self.page.mouse.move(*self.at(place))
        self.page.mouse.wheel(0, delta)

    def pinch(self, factor: float) -> None:
        """Two fingers, from the middle of the film apart (or together)."""
        x, y = self.at((0.5, 0.5))
        start, end = (30, 30 * factor) if factor > 1 else (30 / factor, 30)
        steps = [start + (end - start) * step / 5 for step in range(6)]
        self._touch("touchStart", *self._pair(x, y, steps[0]))
        for reach in steps[1:]:
            self._touch("touchMove", *self._pair(x, y, reach))
        self._touch("touchEnd")

    def _pair(self, x: float, y: float, reach: float) -> list[tuple[float, float]]:
        return [(x - reach, y), (x + reach, y)]

    def _swipe(self, x: float, y: float, to_x: float, to_y: float) -> None:
        self._touch("touchStart", (x, y))
        for step in range(1, 9):
            share = step / 8
            self._touch("touchMove", (x + (to_x - x) * share, y + (to_y - y) * share))
        self._touch("touchEnd")

    def _touch(self, kind: str, *points: tuple[float, float]) -> None:
        places = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self._finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})
