"""The static files as a deployed system serves them."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

IMPORT = re.compile(r"""(?:from|import)\s*\(?["'](\./[^"']+)["']""")


@pytest.fixture
def collected(settings: Any, tmp_path: Path) -> Path:
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "raiox_site.static_files.ModuleAwareStorage"},
    }
    settings.STATIC_ROOT = tmp_path
    call_command("collectstatic", interactive=False, verbosity=0)
    return tmp_path / "cases"


def test_every_module_imports_the_others_under_the_names_that_pages_load(collected: Path) -> None:
    hashed = {path.name for path in collected.glob("*.*.js")}
    imported = {
        Path(name).name
        for path in collected.glob("*.*.js")
        for name in IMPORT.findall(path.read_text())
    }

    assert imported
    assert imported <= hashed


def test_the_one_stylesheet_imports_all_others(collected: Path) -> None:
    (sheet,) = collected.glob("panel.*.css")
    imported = set(re.findall(r'url\("([^"]+)"\)', sheet.read_text()))

    assert imported
    assert all((collected / name).is_file() for name in imported)
