"""Processes of their own that are ready, and then measure when they are told to."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import IO, Any, Self

from django.conf import settings

from raiox_site.bench.failures import NotAnswered

Answer = dict[str, Any]
STOP_SECONDS = 10


def serve(answer: Callable[[str], Answer]) -> None:
    """The side of the process: answer each line of the standard input with a line of JSON. What
    libraries print meanwhile goes to the standard error."""
    said, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        said.write(json.dumps(answer(line.strip())) + "\n")
        said.flush()


class Crew:
    """A context manager: `count` processes of the same Python module, ended with the block."""

    def __init__(
        self,
        module: str,
        *arguments: str,
        count: int = 1,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self._environment = environment
        self._count = count
        self._members: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        self._members = [
            subprocess.Popen(
                self._command,
                cwd=settings.BASE_DIR,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _number in range(self._count)
        ]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        """Give their memory back. Not to be asked any more."""
        for member in self._members:
            with suppress(OSError):
                _pipe(member.stdin).close()
        for member in self._members:
            try:
                member.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                member.kill()
                member.wait()
            _pipe(member.stdout).close()
        self._members = []

    def ask(self, *words: object, of: int | None = None) -> list[Answer]:
        """Tell all of them (or the first `of`) the same at the same time; their answers. Raises
        NotAnswered with what one gives as its `error`, or when one has ended."""
        line, asked = " ".join(map(str, words)), self._members[:of]
        for member in asked:
            with suppress(OSError):
                _pipe(member.stdin).write(f"{line}\n")
                _pipe(member.stdin).flush()
        answers = [_parsed(_pipe(member.stdout).readline(), line) for member in asked]
        for answer in answers:
            if "error" in answer:
                raise NotAnswered(str(answer["error"]))
        return answers


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None  # noqa: S101 # nosec B101 # each was asked for
    return pipe


def _parsed(line: str, question: str) -> Answer:
    if not line:
        raise NotAnswered(f"a process ended when it was to do: {question}")
    return dict(json.loads(line))
