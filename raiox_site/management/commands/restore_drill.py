import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from raiox_site.backup import drill, dumping, notice, record
from raiox_site.backup.drill import Report


class Command(BaseCommand):
    help = (
        "Restores the latest backup into a scratch database, compares rows, vectors, index and"
        " searches with what was written down at the dump, reads an image from its copy, drops the"
        " database again, and says how old the backup was (RPO) and how long it took (RTO). The"
        " living database is only read. Exit status 0: good; 1: not, and staff was told."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--backup", default="", help="a part of its name (see backup --list)")
        parser.add_argument("--json", action="store_true", help="the report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        dumping.end_in_order()
        report = drill.run(backup=options["backup"])
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(), indent=1))
        else:
            self._print(report)
        if not report.is_good:
            notice.drill_failed(self.stderr.write)
            raise CommandError("The drill failed.")
        try:
            record.good(record.DRILL)
        except DatabaseError as error:
            raise CommandError("The drill was good, and could not be recorded.") from error

    def _print(self, report: Report) -> None:
        self.stdout.write(f"backup {report.backup or '-'}, {report.bytes} bytes")
        for one in report.checks:
            state = "WRONG" if one.problem else "ok"
            self.stdout.write(f"{state:6}{one.name}: {one.problem or one.found}")
        if report.problem:
            self.stdout.write(f"WRONG {report.problem}")
        self.stdout.write(f"RPO (age of the backup): {report.rpo_seconds} s")
        self.stdout.write(f"RTO (time taken): {report.rto_seconds} s {report.steps}")
