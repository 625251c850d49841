"""Which backups go."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from raiox_site.backup.manifest import ENDING, FOLDER, Manifest, complete
from raiox_site.backup.stores import Store

# A dump whose description is missing was given up, unless it is on its way just now.
UNFINISHED = timedelta(days=2)
DIGEST = ".sha256"


def expired(backups: Sequence[Manifest], *, now: datetime, days: int, least: int) -> list[Manifest]:
    """Those older than `days`, but none of the newest `least` good ones, however old these are:
    backups may have failed for months, and a clock may be wrong."""
    newest = sorted(backups, key=lambda one: one.made_at, reverse=True)
    kept = {one.dump for one in [one for one in newest if not one.doubts][:least]}
    limit = now - timedelta(days=days)
    return [one for one in newest if one.made_at < limit and one.dump not in kept]


def prune(store: Store, *, now: datetime, days: int, least: int) -> int:
    """Delete what is expired, and what was never completed; how many objects went. Raises one
    of ERRORS."""
    old = expired(complete(store), now=now, days=days, least=least)
    # The description first: a backup of which only a part is left must not count.
    names = [name for one in old for name in (one.name, f"{one.dump}{DIGEST}", one.dump)]
    names += _unfinished(store, now)
    for name in names:
        store.delete(name)
    return len(names)


def _unfinished(store: Store, now: datetime) -> list[str]:
    there = {one.name: one.at for one in store.listed(f"{FOLDER}/")}
    return [
        name
        for name, at in there.items()
        if at < now - UNFINISHED
        and not name.endswith(ENDING)
        and f"{name.removesuffix(DIGEST)}{ENDING}" not in there
    ]
