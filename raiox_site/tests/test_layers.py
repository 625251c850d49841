"""Imports go one way: raiox_site → integrations → cases → matching → implants."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

LAYERS = ["implants", "matching", "cases", "integrations", "raiox_site"]


def sources(layer: str) -> list[Path]:
    files = sorted((settings.BASE_DIR / layer).rglob("*.py"))
    return [file for file in files if not {"tests", "migrations"} & set(file.parts)]


def imported(source: str) -> Iterator[str]:
    """Top-level package names imported anywhere in the source, also inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def upward(layer: str, source: str) -> set[str]:
    above = set(LAYERS[LAYERS.index(layer) + 1 :])
    return above & set(imported(source))


@pytest.mark.parametrize("layer", LAYERS)
def test_no_layer_imports_one_above_it(layer: str) -> None:
    files = sources(layer)
    assert len(files) > 3
    offenders = {
        str(file.relative_to(settings.BASE_DIR)): names
        for file in files
        if (names := upward(layer, file.read_text()))
    }
    assert offenders == {}


@pytest.mark.parametrize(
    "source",
    [
        "import cases",
        "from cases.models import Case",
        "def f():\n    from integrations import fetch",
    ],
)
def test_an_upward_import_would_be_noticed(source: str) -> None:
    assert upward("matching", source)


def test_only_the_two_signals_of_the_design_exist() -> None:
    found = {
        node.targets[0].id
        for layer in LAYERS
        for file in sources(layer)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "Signal"
        and isinstance(node.targets[0], ast.Name)
    }
    assert found == {"case_matched", "case_decided"}
