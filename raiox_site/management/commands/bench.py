import subprocess
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from matching.encoder import EncoderError
from raiox_site.bench import (
    crop,
    decode,
    doors,
    encode,
    encoder,
    machine,
    panel,
    scratch,
    search,
    switch,
    switch_films,
    timing,
)
from raiox_site.bench.failures import NotAnswered
from raiox_site.trial import stock

# These have options and a way of their own: `add_arguments(parser)` and `run(say, **options)`.
OF_THEIR_OWN = {"encoder": encoder, "search": search, "doors": doors}
COUNTS = ("times", "cases", "references", "films", "processes", "vectors", "queries", "uploads")


class Command(BaseCommand):
    help = (
        "Measures on this machine, in a database and a folder of its own. panel: the pages of the"
        " panel with many cases. crop: from a box around a fixture to its new candidates. decode:"
        " reading films in a process of their own. encode: from a fixture to its vector, on one"
        " core (both without any database). encoder: images a second in each runtime, as a share"
        " of the matrix products that the machine can do. search: among very many references, how"
        " long it takes and what it finds. doors: running instances under load (they are not of its"
        " own). switch: another encoder under a running web and worker, while clients send films."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        for name, module in OF_THEIR_OWN.items():
            module.add_arguments(what.add_parser(name, help=(module.__doc__ or "").strip()))
        for name in ("panel", "crop", "decode", "encode", "switch"):
            one = what.add_parser(name)
            if name == "switch":
                switch.add_arguments(one)
                continue
            one.add_argument("--times", type=int, default=20, help="requests of each kind")
            if name == "encode":
                one.add_argument("encoders", nargs="*", help="by default the one in use")
            if name in ("decode", "encode"):
                continue
            one.add_argument(scratch.INSIDE, action="store_true", help="used by the command itself")
            if name == "panel":
                one.add_argument("--cases", type=int, default=20_000)

    def handle(self, *args: Any, what: str, inside: bool = False, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("Nothing is measured in production: it would slow everybody down.")
        if small := [
            name for name in COUNTS if (1 if options.get(name) is None else options[name]) < 1
        ]:
            raise CommandError(f"--{small[0]} must be at least 1.")
        if what in ("decode", "encode"):
            self._measure_here(what, **options)
            return
        try:
            if what in OF_THEIR_OWN:
                OF_THEIR_OWN[what].run(self._say, inside=inside, **options)
            elif inside:
                self._measure(what, **options)
            else:
                self._start(what, **options)
        except (NotAnswered, subprocess.CalledProcessError) as error:
            details = getattr(error, "stderr", "")
            raise CommandError(f"{error}\n{details}".strip()) from error

    def _measure_here(self, what: str, times: int, encoders: Any = (), **options: Any) -> None:
        if what == "decode":
            lines = decode.lines(times=times)
        else:
            lines = encode.lines(times=times, names=encoders)
        try:
            for line in lines:
                self._say(line)
        except EncoderError as error:
            raise CommandError(str(error)) from error

    def _start(self, what: str, times: int = 0, cases: int | None = None, **options: Any) -> None:
        if what == "switch":
            switch.run(options["references"], settle=options["settle"], say=self._say)
            return
        command = ["bench", what, f"--times={times}"]
        scratch.run(command + ([f"--cases={cases}"] if cases else []), self._say)

    def _measure(self, what: str, times: int = 0, cases: int = 0, **options: Any) -> None:
        if not scratch.is_inside():
            raise CommandError("This is no scratch database.")
        if what == "switch":
            switch_films.fill(options["references"])
            return
        reviewer = User.objects.get(username=stock.REVIEWER)
        if what == "panel":
            measured = panel.run(cases=cases, times=times, reviewer=reviewer, say=self._say)
            target = panel.TARGET_MS
        else:
            measured = crop.run(times=times, reviewer=reviewer, say=self._say)
            target = crop.TARGET_MS
        for line in [*machine.lines(), f"target {target} ms", ""]:
            self._say(line)
        for line in timing.table(measured, target_ms=target):
            self._say(line)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
