"""What `deploy/dev.sh audit` makes of what pip-audit says, and of its silence."""

import importlib.util
import os
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings

SOUND = {"name": "django", "version": "5.2.19", "vulns": []}
HOLE = {
    "name": "pillow",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["1.1"], "aliases": []}],
}
UNKNOWN = {"name": "own", "skip_reason": "Dependency not found on PyPI"}


@pytest.fixture(scope="module")
def known_holes() -> ModuleType:
    place = settings.BASE_DIR / "deploy" / "known_holes.py"
    spec = importlib.util.spec_from_file_location("known_holes", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("packages", "is_required", "code", "words"),
    [
        ([SOUND], True, 0, "1 packages, no known hole"),
        ([SOUND, HOLE], False, 1, "pillow 1.0: PYSEC-2026-1, mended in 1.1"),
        ([SOUND, HOLE, UNKNOWN], False, 1, "pillow 1.0"),
        ([SOUND, UNKNOWN], False, 0, "cannot be reached"),
        ([SOUND, UNKNOWN], True, 1, "cannot be reached"),
        ([], False, 0, "cannot be reached"),
        ([], True, 1, "cannot be reached"),
    ],
)
def test_a_hole_fails_always_and_silence_where_an_answer_is_required(
    known_holes: ModuleType, packages: list[Any], is_required: bool, code: int, words: str
) -> None:
    found, (line,) = known_holes.judge(packages, is_required=is_required)
    assert found == code
    assert words in line


@pytest.mark.parametrize(("required", "code"), [("", 0), ("required", 1)])
def test_without_a_network_one_plain_line_is_said(required: str, code: int) -> None:
    away = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")
    result = subprocess.run(
        [sys.executable, "deploy/known_holes.py", "requirements.txt"],
        cwd=settings.BASE_DIR,
        env={**os.environ, **away, "NO_PROXY": "", "no_proxy": "", "RAIOX_AUDIT": required},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == code
    assert len(result.stdout.splitlines()) == 1
    assert "cannot be reached" in result.stdout
    assert result.stderr == ""


def test_bandit_finds_a_hole_with_our_configuration(tmp_path: Any) -> None:
    (tmp_path / "hole.py").write_text("import subprocess\nsubprocess.run('ls', shell=True)\n")
    result = subprocess.run(
        [sys.executable, "-m", "bandit", "-q", "-c", "deploy/bandit.yaml", "-r", str(tmp_path)],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 1
    assert "B602" in result.stdout
