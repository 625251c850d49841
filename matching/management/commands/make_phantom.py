import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from implants.catalogue import CatalogueFacts, demo_catalogue
from matching.phantoms import (
    DIFFICULTIES,
    MODALITIES,
    RESTORATIONS,
    Phantom,
    as_jpeg,
    neighbours,
    render_film,
)

# Seeds that references do not have.
FIRST_QUERY_SEED = 100_000


class Command(BaseCommand):
    help = "Render a phantom radiograph of a demo implant into a file."
    requires_system_checks: list[str] = []

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("formatter_class", RawDescriptionHelpFormatter)
        return super().create_parser(*args, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.epilog = f"lines: {', '.join(facts.name for facts in demo_catalogue())}"
        parser.add_argument("file", type=Path)
        parser.add_argument("--line", default="BLX", help="part of the line's name")
        parser.add_argument("--seed", type=int, default=FIRST_QUERY_SEED)
        parser.add_argument("--difficulty", choices=list(DIFFICULTIES), default="clean")
        parser.add_argument("--modality", choices=list(MODALITIES), default="periapical")
        parser.add_argument(
            "--others",
            action="append",
            metavar="LINE",
            help="another fixture on the film, by line (more than once; 'none' for no other); "
            "without it the level decides",
        )
        parser.add_argument("--jaw", choices=("lower", "upper"))
        parser.add_argument("--restoration", choices=RESTORATIONS)
        parser.add_argument("--pixels-per-mm", type=float, help="resolution of the film")
        parser.add_argument("--truth", type=Path, help="write the boxes into this JSON file")

    def handle(self, *args: Any, **options: Any) -> None:
        facts = _line(options["line"])
        try:
            film = render_film(
                facts,
                seed=options["seed"],
                difficulty=options["difficulty"],
                others=_others(facts, options),
                modality=options["modality"],
                pixels_per_mm=options["pixels_per_mm"],
                jaw=options["jaw"],
                restoration=options["restoration"],
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        _write(options["file"], as_jpeg(film.image))
        if options["truth"] is not None:
            _write(options["truth"], json.dumps(_truth(film), indent=1).encode())
        self.stdout.write(f"{options['file']}: {facts.manufacturer} {facts.name}")


def _others(facts: CatalogueFacts, options: dict[str, Any]) -> list[Any]:
    if options["others"] is None:
        return list(neighbours(facts, seed=options["seed"], difficulty=options["difficulty"]))
    return [_line(name) for name in options["others"] if name != "none"]


def _line(name: str) -> CatalogueFacts:
    wanted = name.casefold()
    facts = next((row for row in demo_catalogue() if wanted in row.name.casefold()), None)
    if facts is None:
        lines = ", ".join(row.name for row in demo_catalogue())
        raise CommandError(f"No demo line is called so. There are: {lines}")
    return facts


def _truth(film: Phantom) -> dict[str, Any]:
    return {
        "modality": film.modality,
        "width": film.image.width,
        "height": film.image.height,
        "fixtures": [
            {
                "manufacturer": getattr(fixture.facts, "manufacturer", ""),
                "line": getattr(fixture.facts, "name", ""),
                "box": fixture.box.as_json(),
                "jaw": fixture.jaw,
                "restoration": fixture.restoration,
                "visible": round(fixture.visible, 2),
            }
            for fixture in film.fixtures
        ],
    }


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error
