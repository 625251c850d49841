"""A page of the browser, and what must not happen on it."""

import re
from typing import Any

from playwright.sync_api import Page

from raiox_site.tests.browser import machine

# A page that is left while it still loads.
HARMLESS = re.compile(r"net::ERR_ABORTED")
RULES = [
    "wcag2a",
    "wcag2aa",
    "wcag21a",
    "wcag21aa",
    "wcag22a",
    "wcag22aa",
    "best-practice",
]
# What the colours decide; the rest is the same in light and dark.
OF_COLOURS = ["color-contrast", "link-in-text-block"]
# A bar that sticks to the bottom covers what lies there until the page is scrolled: whether that
# is a button is chance, so that it stands in its own place meanwhile.
RUN_AXE = """async (only) => {
  const sticky = [...document.querySelectorAll("body *")].filter((one) => {
    const { position, bottom } = getComputedStyle(one);
    return position === "sticky" && bottom !== "auto";
  });
  for (const one of sticky) one.style.position = "static";
  const options = { runOnly: only, resultTypes: ["violations"], preload: false };
  const found = await axe.run(document, options);
  for (const one of sticky) one.style.position = "";
  return found.violations.map((one) => ({
    id: one.id, help: one.help, impact: one.impact,
    nodes: one.nodes.map((node) => `${node.target.join(" ")} — ${node.failureSummary}`),
  }));
}"""


class Watch:
    """Collects what a page complains about: errors of scripts, a refusal by the content
    security policy, a file that is not there."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._allowed: list[re.Pattern[str]] = [HARMLESS]

    def allow(self, pattern: str) -> None:
        """This complaint is what the test is about."""
        self._allowed.append(re.compile(pattern))

    def follow(self, page: Page) -> None:
        page.on("console", lambda line: self._note(line.type, f"{line.text} {line.location}"))
        page.on("pageerror", lambda error: self._note("error", f"{page.url}: {error.stack}"))

    def check(self) -> None:
        bad = [
            text
            for text in self.complaints
            if not any(pattern.search(text) for pattern in self._allowed)
        ]
        assert not bad, "The browser complained:\n" + "\n".join(bad)

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning", "assert"):
            self.complaints.append(text)


def violations(page: Page, *, only_colours: bool = False) -> list[str]:
    """What axe-core finds wrong with the page as it is now, readable.

    It is evaluated in the page, not loaded by it: the content security policy stays as it is.
    """
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(machine.AXE.read_text(encoding="utf-8"))
    kind, values = ("rule", OF_COLOURS) if only_colours else ("tag", RULES)
    found: list[dict[str, Any]] = page.evaluate(RUN_AXE, {"type": kind, "values": values})
    return [
        f"{one['id']} ({one['impact']}): {one['help']}\n    " + "\n    ".join(one["nodes"][:6])
        for one in found
    ]
