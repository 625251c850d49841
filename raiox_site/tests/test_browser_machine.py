"""What is said where the browser of the tests is missing."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from raiox_site.tests.browser import machine

ROOT = Path(__file__).resolve().parents[2]


def test_a_browser_that_is_named_is_used(monkeypatch: Any, tmp_path: Path) -> None:
    program = tmp_path / "a chromium"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("CHROMIUM", str(program))

    assert machine.chromium() == str(program)


def test_what_is_missing_is_named_with_what_installs_it(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "none"))
    monkeypatch.setattr(machine, "AXE", tmp_path / "axe.min.js")

    assert machine.missing().startswith("Chromium and axe-core not found")
    assert "deploy/dev.sh browser" in machine.missing()


@pytest.mark.parametrize(("value", "required"), [("required", True), ("", False)])
def test_only_ci_fails_without_a_browser(monkeypatch: Any, value: str, required: bool) -> None:
    monkeypatch.setenv("RAIOX_BROWSER", value)

    assert machine.is_required() is required


def test_installing_refuses_a_browser_that_cannot_be_run(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "none"))

    done = subprocess.run(
        [ROOT / "deploy" / "browser" / "install.sh", tmp_path / "browser"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "CHROMIUM=" in done.stderr
    assert not (tmp_path / "browser").exists()


def test_ci_requires_the_browser() -> None:
    assert "RAIOX_BROWSER=required" in (ROOT / ".ci" / "run").read_text()
