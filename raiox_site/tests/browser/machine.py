"""What this machine has for the tests in a real browser; `deploy/dev.sh browser` installs it."""

import os
import shutil
import sys
from pathlib import Path

AXE = Path(sys.prefix) / "browser" / "node_modules" / "axe-core" / "axe.min.js"
NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """The path of a Chromium or Chrome; empty when there is none."""
    names = [os.environ["CHROMIUM"]] if os.environ.get("CHROMIUM") else NAMES
    return next((path for path in map(shutil.which, names) if path), "")


def missing() -> str:
    """What keeps the tests in a browser from running, as a sentence; empty when nothing does."""
    lacking = [] if chromium() else ["Chromium"]
    lacking += [] if AXE.is_file() else ["axe-core"]
    if not lacking:
        return ""
    return f"{' and '.join(lacking)} not found; `deploy/dev.sh browser` installs what is missing"


def is_required() -> bool:
    """Whether a test must fail, instead of being skipped, where its browser is missing."""
    return os.environ.get("RAIOX_BROWSER") == "required"
