"""A real read replica beside a real primary: what a search answers while the replica follows,
falls behind, hangs, dies or is promoted."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from django.conf import settings
from django.db import connection, connections

from implants.models import Implant
from matching import matcher, replica
from matching.models import Embedding
from raiox_site.configuration import services
from raiox_site.processes import wait_until
from raiox_site.trial import scratch
from raiox_site.trial.cluster import ADDRESS, Cluster, free_port, parsed, use

FIRST_ANSWER_SECONDS = 5.0
SOON_SECONDS = 0.5
Say = Callable[[str], object]


@dataclass
class Trial:
    primary: Cluster
    copy: Cluster
    say: Say

    def ask(self, *, encoder: str = "") -> tuple[list[int], str, float]:
        """The implants of a search, who answered it, and how many seconds that took."""
        one = Embedding.objects.order_by("pk").first()
        if one is None:
            raise RuntimeError("the catalogue is empty")
        before, begun = _answered(), time.monotonic()
        found = matcher.nearest_implants(one.vector, encoder=encoder or one.encoder, limit=3)
        seconds = time.monotonic() - begun
        by = next(name for name, count in _answered().items() if count != before.get(name, 0))
        return [candidate.implant.pk for candidate in found], by, seconds

    def expect(self, what: str, by: str, *, seconds: float, found: list[int] | None = None) -> None:
        """Raises RuntimeError when a search is answered otherwise."""
        implants, answered, took = self.ask()
        if answered != by or took > seconds or (found is not None and implants != found):
            raise RuntimeError(f"{what}: {answered} answered {implants} in {took:.2f} s")
        self.say(f"ok   {what}: {answered} answers in {took * 1000:.0f} ms")

    def wait_for(self, by: str) -> None:
        if not wait_until(lambda: self.ask()[1] == by, 60.0, 0.5):
            raise RuntimeError(f"{by} does not answer; {replica.note()}")


def run(path: Path, say: Say) -> None:
    """Raises RuntimeError for what is not as it must be."""
    with ExitStack() as stack:
        primary = stack.enter_context(Cluster(path, ADDRESS, free_port(ADDRESS)))
        primary.execute("CREATE DATABASE raiox TEMPLATE template0")
        stack.enter_context(_used(primary.url("raiox")))
        variables = scratch.variables(path, "", DATABASE_URL=primary.url("raiox"))
        scratch.fill(variables, path / "processes.log")
        copy = primary.copy_to(path / "replica", port=free_port(ADDRESS))
        stack.callback(copy.stop)
        copy.start()
        stack.enter_context(_replica(copy.url("raiox")))
        _try(Trial(primary, copy, say))


def _try(trial: Trial) -> None:
    implants, _by, _seconds = trial.ask()
    trial.wait_for(replica.ALIAS)
    trial.expect("a replica that follows", replica.ALIAS, seconds=SOON_SECONDS, found=implants)
    _behind(trial, implants)
    _without_vectors(trial)
    _dead(trial)
    _frozen(trial)
    _promoted(trial)


def _behind(trial: Trial, implants: list[int]) -> None:
    trial.copy.execute("SELECT pg_wal_replay_pause()")
    Implant.objects.filter(pk=implants[0]).update(is_active=False)
    found, by, _seconds = trial.ask()
    if implants[0] in found or by == replica.ALIAS:
        raise RuntimeError("an implant is proposed that was taken out a moment ago")
    trial.say("ok   what the primary has taken out is not proposed, and the primary answers")
    if not wait_until(lambda: "behind" in replica.note(), settings.RAIOX_SEARCH_LAG_SECONDS + 30):
        raise RuntimeError(f"nobody notices that it is behind: {replica.note()!r}")
    trial.expect(f"a replica of which is said “{replica.note()}”", "primary", seconds=SOON_SECONDS)
    trial.copy.execute("SELECT pg_wal_replay_resume()")
    Implant.objects.filter(pk=implants[0]).update(is_active=True)
    trial.wait_for(replica.ALIAS)
    trial.expect("one that has caught up", replica.ALIAS, seconds=SOON_SECONDS, found=implants)


def _without_vectors(trial: Trial) -> None:
    trial.copy.execute("SELECT pg_wal_replay_pause()")
    rows = list(Embedding.objects.all())
    for row in rows:
        row.pk, row.encoder = None, "another/encoder"
    Embedding.objects.bulk_create(rows)
    for _time in range(3):
        found, by, _seconds = trial.ask(encoder="another/encoder")
        if by == replica.ALIAS or len(found) != 3:
            raise RuntimeError("the replica was asked for vectors that it lacks")
        wait_until(lambda: False, 0.7)
    trial.say("ok   vectors of an encoder that the replica lacks are searched on the primary")
    trial.copy.execute("SELECT pg_wal_replay_resume()")
    trial.wait_for(replica.ALIAS)


def _dead(trial: Trial) -> None:
    trial.copy.kill()
    trial.expect("a replica that was just killed", "primary", seconds=FIRST_ANSWER_SECONDS)
    trial.expect("and from then on", "primary", seconds=SOON_SECONDS)
    trial.copy.start()
    trial.wait_for(replica.ALIAS)
    trial.expect("one that is back", replica.ALIAS, seconds=SOON_SECONDS)


def _frozen(trial: Trial) -> None:
    with _stopped(trial.copy):
        trial.expect("a replica that hangs", "primary", seconds=FIRST_ANSWER_SECONDS)
        trial.expect("and from then on", "primary", seconds=SOON_SECONDS)
    trial.wait_for(replica.ALIAS)


def _promoted(trial: Trial) -> None:
    trial.copy.execute("SELECT pg_promote()")
    if not wait_until(lambda: "no replica" in replica.note(), 20):
        raise RuntimeError("a replica that was promoted is still used")
    trial.expect("a replica that was promoted", "primary", seconds=SOON_SECONDS)


@contextmanager
def _stopped(cluster: Cluster) -> Iterator[None]:
    postmaster = cluster.postmaster()
    family = [postmaster, *postmaster.children(recursive=True)] if postmaster else []
    for one in family:
        one.suspend()
    try:
        yield
    finally:
        for one in family:
            if psutil.pid_exists(one.pid):
                one.resume()


@contextmanager
def _used(url: str) -> Iterator[None]:
    before = json.loads(json.dumps(connection.settings_dict, default=str))
    use(url)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)


@contextmanager
def _replica(url: str) -> Iterator[None]:
    config = services.for_replica(parsed(url))
    connections.databases[replica.ALIAS] = {**connection.settings_dict, **config}
    try:
        yield
    finally:
        replica.stop()
        connections[replica.ALIAS].close()
        del connections.databases[replica.ALIAS]


def _answered() -> dict[str, float]:
    return replica.counted()
