import csv
import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from tqdm import tqdm

from matching import identifying
from matching.encoder import EncoderError
from matching.identifying import Identified
from matching.matcher import CANDIDATES, CatalogueNotSearchable
from matching.models import Embedding

MOST_CANDIDATES = 20


class Command(BaseCommand):
    help = (
        "What implants the films of a folder (with its sub-folders) show, by the catalogue: one"
        " row for each fixture that the finder finds, by path. A file that cannot be read is a"
        " row with its error. Nothing is stored. Exit status 0: at least one film was answered;"
        " 1: none, or the catalogue cannot be searched."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("places", nargs="+", type=Path, metavar="DIR|FILE")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--csv", action="store_true", help="this is the default")
        form.add_argument("--json", action="store_true", help="a list with the candidates nested")
        parser.add_argument("--output", type=Path, metavar="FILE", help="instead of the screen")
        parser.add_argument(
            "--top", type=int, default=CANDIDATES, help="candidates of each fixture (default 3)"
        )
        parser.add_argument("--quiet", action="store_true", help="no progress bar")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["top"] <= MOST_CANDIDATES:
            raise CommandError(f"--top must lie between 1 and {MOST_CANDIDATES}.")
        films = identifying.films_at(options["places"], but=options["output"])
        try:
            _check_catalogue()
            shown = tqdm(films, unit="film", disable=options["quiet"], file=sys.stderr)
            fixtures = identifying.identify(shown, limit=options["top"])
            with self._output(options["output"]) as output:
                write = _write_json if options["json"] else _write_csv
                answered = write(fixtures, output, options["top"])
        except (EncoderError, CatalogueNotSearchable) as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            reason = str(error).partition("\n")[0]
            raise CommandError(f"The catalogue cannot be read: {reason}.") from error
        except OSError as error:
            raise CommandError(f"The answers cannot be written: {error.strerror}.") from error
        if not answered:
            raise CommandError(
                f"None of the {len(films)} files could be answered." if films else "No files."
            )

    @contextmanager
    def _output(self, path: Path | None) -> Iterator[TextIO]:
        if path is None:
            yield self.stdout  # type: ignore[misc]
        else:
            with path.open("w", encoding="utf-8", newline="") as file:
                yield file


def _check_catalogue() -> None:
    """Before anything is loaded or written. Raises CommandError, DatabaseError."""
    if not Embedding.objects.searchable().exists():
        raise CommandError("The catalogue has no reference films: see manage.py seed_implants.")


def _write_csv(fixtures: Iterable[Identified], output: TextIO, limit: int) -> int:
    """Row by row: what is done stays when the command is stopped. Returns the number answered."""
    table = csv.writer(output, lineterminator="\n")
    table.writerow(identifying.header(limit))
    answered = 0
    for one in fixtures:
        table.writerow(identifying.as_row(one, limit=limit))
        answered += not one.error
    return answered


def _write_json(fixtures: Iterable[Identified], output: TextIO, limit: int) -> int:
    rows = list(fixtures)
    output.write(json.dumps([identifying.as_json(one) for one in rows], indent=1) + "\n")
    return sum(not one.error for one in rows)
