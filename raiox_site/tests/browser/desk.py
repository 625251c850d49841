"""A reviewer's desk: pages of one width in the browser, with pictures and checks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page

from raiox_site.tests.browser.site import Site
from raiox_site.tests.browser.watching import Watch, violations

DESKTOP = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844}
# Colours may change by a transition; what never ends is not waited for.
SETTLED = """async () => {
  for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
  const ending = document.getAnimations().filter(
    (one) => one.effect.getComputedTiming().endTime !== Infinity);
  await Promise.allSettled(ending.map((one) => one.finished));
}"""
# That of `make_user`.
PASSWORD = "a password of the test"
ROLES = {
    "brenda": ("approver",),
    "ana": ("approver",),
    "leitura": ("reader",),
    "catalogo": ("curator",),
    "chefe": (),
}


class Desk:
    """Opens pages as somebody; `name` (desktop or phone) marks its pictures."""

    def __init__(
        self,
        *,
        browser: Browser,
        site: Site,
        folder: Path,
        make_user: Callable[..., Any],
        is_phone: bool,
    ) -> None:
        self.base, self.folder, self.is_phone = site.base, folder, is_phone
        self._site = site
        self.name = "phone" if is_phone else "desktop"
        self.watch = Watch()
        self._browser, self._make_user = browser, make_user
        self._users: dict[str, Any] = {}
        self._contexts: list[BrowserContext] = []

    def user(self, name: str) -> Any:
        """The user of this name, with its roles; made when first asked for."""
        if name not in self._users:
            self._users[name] = self._make_user(
                *ROLES[name], username=name, is_superuser=name == "chefe"
            )
        return self._users[name]

    def open(self, path: str = "", *, user: str = "brenda", **options: Any) -> Page:
        """A page of its own browser window, logged in as `user` ("" for nobody).

        `options` go to the window (`java_script_enabled`, `color_scheme`, …).
        """
        size = PHONE if self.is_phone else DESKTOP
        phone = {"is_mobile": True, "has_touch": True} if self.is_phone else {}
        window = {"viewport": size, "base_url": self.base, "reduced_motion": "reduce"}
        context = self._browser.new_context(**{**window, **phone, **options})
        context.set_default_timeout(20_000)
        self._contexts.append(context)
        if user:
            self.log_in(context, user)
        page = context.new_page()
        self.watch.follow(page)
        if path:
            page.goto(path)
        return page

    def log_in(self, context: BrowserContext, user: str) -> None:
        """Give the window a session, without the login form."""
        client = Client()
        client.force_login(self.user(user))
        session = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": session, "url": self.base}])

    def picture(self, page: Page, name: str, *, full: bool = True) -> None:
        """Keep a picture of the page under `name` and the width."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # Hiding the caret would take an inline style, which the policy of the site refuses.
        page.screenshot(
            path=self.folder / f"{name}-{self.name}.png", full_page=full, caret="initial"
        )

    def check(self, page: Page, name: str) -> None:
        """A picture of the page in light and dark; no violation of the accessibility rules in
        either, and nothing to scroll sideways."""
        problems: list[str] = []
        for scheme, mark in (("light", ""), ("dark", "-dark")):
            page.emulate_media(color_scheme=scheme)
            page.evaluate(SETTLED)
            problems += [f"{scheme}: {line}" for line in violations(page, only_colours=bool(mark))]
            self.picture(page, name + mark)
        page.emulate_media(color_scheme="light")
        excess = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if excess > 0:
            problems.append(f"the page is {excess} px wider than the window")
        assert not problems, f"{name} ({self.name}), {page.url}:\n" + "\n".join(problems)

    def close(self) -> None:
        for context in self._contexts:
            context.close()
        self._site.wait_until_idle()
