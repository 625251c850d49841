"""The encoder switched under a running web and worker, while clients go on sending films."""

import json
import threading
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from django.db.models import F

from cases.models import Result
from matching import architectures, loading
from matching.architectures import BUNDLED
from matching.encoder import make_encoder
from matching.loading import RANDOM
from raiox_site import running
from raiox_site.bench import switch_films
from raiox_site.bench.failures import NotAnswered
from raiox_site.bench.scratch import INSIDE
from raiox_site.bench.switch_answers import Answer, Exact, Judge
from raiox_site.trial import scratch

CLIENTS = 4
FILMS, FEWEST = 24, 6
WARM_UP = 6
SHAKEN = 0.1
# Clients are people and their programs: the machine also has vectors to make.
PAUSE_SECONDS = 0.15
SETTLED_SECONDS = 90.0
TIMEOUT_SECONDS = 60.0
Say = Callable[[str], Any]


@dataclass
class Sent:
    """What clients got: the answers, by film, and what failed."""

    answers: list[tuple[int, Answer]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--references", type=int, default=20_000)
    parser.add_argument("--settle", type=float, default=20.0, help="as of switch_encoder, seconds")
    parser.add_argument(INSIDE, action="store_true", help="used by the command itself")


def run(references: int, *, settle: float, say: Say) -> None:
    """Raises NotAnswered when a request failed, or an answer was not that of one encoder."""
    with ExitStack() as stack:
        path = stack.enter_context(scratch.folder(keep=False))
        database = stack.enter_context(scratch.database(keep=False))
        old, new = _encoders(path)
        variables = scratch.variables(
            path,
            database,
            RAIOX_ENCODER=old,
            RAIOX_VIEWS="1",
            RAIOX_WEB_PROCESSES="2",
            RAIOX_WORKERS="1",
            LOG_LEVEL="WARNING",
        )
        log = path / "bench.log"
        taken = _timed(lambda: _filled(references, variables, log))
        say(f"{references} references written and embedded in {taken:.0f} s")
        base = stack.enter_context(running.web(variables, log))
        stack.enter_context(running.worker(variables, log))
        films = switch_films.queries(min(FILMS, max(FEWEST, references // 100)))
        _warmed_up(base, films[0])
        sent = _switched(base, films, new, settle, variables, log, say)
        _judge(sent, films, (old, new), say)


def _timed(work: Callable[[], object]) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start


def _encoders(path: Path) -> tuple[str, str]:
    """The names of the bundled encoder (of one with random weights, where there is none), and
    of one whose weights were shaken a little."""
    import torch

    from matching.training import network

    own = architectures.WEIGHTS / f"{network.ARCHITECTURE}.safetensors"
    old = f"{network.ARCHITECTURE}/{BUNDLED if own.is_file() else RANDOM}"
    model = network.new_model(seed=1)
    known = loading.whole_model(make_encoder(old).source).visual
    model.visual.load_state_dict(known.state_dict())
    shaken = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for values in model.visual.parameters():
            values.mul_(1 + SHAKEN * torch.randn(values.shape, generator=shaken))
    network.save(model, path / "shaken.safetensors", about={})
    return old, f"{network.ARCHITECTURE}/{path / 'shaken.safetensors'}"


def _filled(references: int, variables: dict[str, str], log: Path) -> None:
    scratch.manage("migrate", "-v", "0", "--noinput", environment=variables, log=log)
    scratch.manage("createcachetable", "-v", "0", environment=variables, log=log)
    inside = ("bench", "switch", f"--references={references}", "--inside")
    scratch.manage(*inside, environment=variables, log=log)


def _warmed_up(base: str, film: bytes) -> None:
    """Let every process load what it needs: that is no part of a switch."""
    done = 0
    for turn in range(10 * WARM_UP):
        with suppress(requests.RequestException):
            done += _post(base, film, f"warm-{turn}").status_code == 200
        if done >= WARM_UP:
            return
    raise NotAnswered("the web does not answer")


def _switched(
    base: str,
    films: Sequence[bytes],
    new: str,
    settle: float,
    variables: dict[str, str],
    log: Path,
    say: Say,
) -> Sent:
    """Send films from before the switch until after it; also when the command had ended."""
    sent, over = Sent(), threading.Event()
    clients = [
        threading.Thread(target=_send, args=(base, films, number, sent, over))
        for number in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    try:
        # Each client has sent every film once before.
        each = len(films) * CLIENTS
        running.wait_for(lambda: len(sent.answers) >= each or sent.failures, 300)
        command = ("switch_encoder", new, "--quiet", "--force", f"--settle={settle}")
        taken = _timed(lambda: scratch.manage(*command, environment=variables, log=log))
        say(f"switch_encoder took {taken:.0f} s, of which {settle:.0f} s were waiting at the end")
        # And every film once more.
        after = len(sent.answers) + each
        running.wait_for(lambda: len(sent.answers) >= after or sent.failures, SETTLED_SECONDS)
    finally:
        over.set()
        for client in clients:
            client.join()
    return sent


def _send(
    base: str, films: Sequence[bytes], number: int, sent: Sent, over: threading.Event
) -> None:
    turn = number
    while not over.is_set():
        place, start = turn % len(films), time.monotonic()
        try:
            answer = _post(base, films[place], f"bench-{number}-{turn}")
        except requests.RequestException as error:
            sent.failures[type(error).__name__] += 1
        else:
            _note(answer, place, start, sent)
        turn += 1
        over.wait(PAUSE_SECONDS)


def _post(base: str, film: bytes, client: str) -> requests.Response:
    """The same film of the same client would be the same case, and not compared again."""
    return requests.post(
        f"{base}/upload",
        files={"file": ("film.jpg", film, "image/jpeg")},
        data={"client_id": client},
        timeout=TIMEOUT_SECONDS,
    )


def _note(answer: requests.Response, place: int, start: float, sent: Sent) -> None:
    if answer.status_code != 200:
        sent.failures[f"{answer.status_code} {answer.text[:120]}"] += 1
        return
    found = [(row["id"], row["similarity"]) for row in json.loads(answer.content)]
    sent.seconds.append(time.monotonic() - start)
    sent.answers.append((place, found))


def _judge(sent: Sent, films: Sequence[bytes], names: Sequence[str], say: Say) -> None:
    judge = Judge([Exact(name) for name in names])
    told = [judge.of(films[place], answer) for place, answer in sent.answers]
    counted, last = Counter(told), Counter(told[-len(films) :])
    mixed_rows = Result.objects.exclude(encoder=F("finding__encoder")).count()
    for line in _lines(sent, counted, last, mixed_rows):
        say(line)
    problems = [*sent.failures, *(f"{count} {what}" for what, count in last.items())]
    if sent.failures or counted["mixed"] or mixed_rows or set(last) - {"new", "inexact"}:
        raise NotAnswered(f"the switch was noticed: {'; '.join(problems)}")


def _lines(sent: Sent, counted: Counter[str], last: Counter[str], mixed_rows: int) -> Iterator[str]:
    failed = sum(sent.failures.values())
    seconds = sorted(sent.seconds)
    yield f"{len(sent.answers) + failed} requests of {CLIENTS} clients, {failed} failed"
    yield f"exactly the old encoder's answer: {counted['old']}, the new one's: {counted['new']}"
    yield f"of one encoder, but not its best: {counted['inexact']}"
    yield f"of neither encoder: {counted['mixed']}; stored results of two encoders: {mixed_rows}"
    yield f"the last {last.total()} answers: {', '.join(f'{last[one]} {one}' for one in last)}"
    yield f"median {seconds[len(seconds) // 2] * 1000:.0f} ms, longest {seconds[-1]:.1f} s"
    yield from (f"  {count} × {reason}" for reason, count in sent.failures.items())
