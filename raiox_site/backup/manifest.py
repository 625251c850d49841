"""What is known of one backup. It is written last: a dump without it does not count."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from raiox_site.backup.errors import BackupError
from raiox_site.backup.stores import ERRORS, Store, Stored

FOLDER = "database"
ENDING = ".json"
FORM = 1
STAMP = "%Y%m%dT%H%M%SZ"
# None is near that long; what is, is none of ours.
LONGEST = 64 * 1024 * 1024


@dataclass(frozen=True)
class Manifest:
    """`dump` is its name in the store, with `bytes` and `sha256` as it lies there;
    `plain_bytes` and `plain_sha256` are those of the dump before it was sealed. `made_at` is the
    moment that the dump shows; `server` is PostgreSQL's `server_version_num`. `doubts` say why
    the numbers look wrong; such a backup can be restored, but is not counted as good."""

    dump: str
    made_at: datetime
    bytes: int
    sha256: str
    plain_bytes: int
    plain_sha256: str
    server: int
    version: str
    rows: dict[str, int]
    vectors: dict[str, int]
    extension: str
    searches: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[dict[str, str]] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    seconds: float = 0.0
    form: int = FORM

    @property
    def name(self) -> str:
        return f"{self.dump}{ENDING}"

    @property
    def major(self) -> int:
        return self.server // 10000

    def text(self) -> str:
        known = {**asdict(self), "made_at": self.made_at.isoformat()}
        return json.dumps(known, indent=1, sort_keys=True) + "\n"


def parse(text: str) -> Manifest:
    """Raises BackupError."""
    try:
        known = json.loads(text)
        if known["form"] != FORM:
            raise BackupError(f"The backup is of form {known['form']}: newer than this program.")
        made_at = datetime.fromisoformat(known.pop("made_at"))
        return Manifest(made_at=made_at, **known)
    except (ValueError, KeyError, TypeError):
        raise BackupError("The description of the backup cannot be read.") from None


def complete(store: Store) -> list[Manifest]:
    """Backups whose dump is there in its full length, the oldest first; what cannot be read is
    none. Raises one of ERRORS where the store does not answer."""
    there = {one.name: one for one in store.listed(f"{FOLDER}/")}
    found = [one for one in _readable(store, there.values()) if _is_whole(one, there)]
    return sorted(found, key=lambda one: one.made_at)


def _readable(store: Store, stored: Any) -> Iterator[Manifest]:
    for one in stored:
        if one.name.endswith(ENDING) and one.size < LONGEST:
            try:
                yield parse(b"".join(store.read(one.name)).decode())
            except (BackupError, UnicodeDecodeError, *ERRORS):
                continue


def _is_whole(manifest: Manifest, there: dict[str, Stored]) -> bool:
    dump = there.get(manifest.dump)
    return dump is not None and dump.size == manifest.bytes


def chosen(store: Store, name: str = "") -> Manifest:
    """The newest good backup, or the one whose name holds `name`. Raises BackupError."""
    whole = complete(store)
    fitting = [one for one in whole if (name in one.dump if name else not one.doubts)]
    if not fitting:
        wanted = f"that is called {name}" if name else "that is complete and good"
        raise BackupError(f"There is no backup {wanted} in {store.place}.")
    if name and len(fitting) > 1:
        raise BackupError(f"{len(fitting)} backups are called {name}; say more of the name.")
    return fitting[-1]
