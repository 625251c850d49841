"""A copy of the stored films and references beside the dumps, and the way back.

Names are never used twice, so what is there already need not be compared. What no row names any
more stays for as long as a dump may name it, and then goes.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from django.apps import apps
from django.core.files import File
from django.core.files.storage import default_storage
from django.db.models import FileField

from raiox_site.backup import sealing
from raiox_site.backup.errors import BackupError
from raiox_site.backup.stores import ERRORS, Store, in_words

FOLDER = "files"
# In a folder of its own: what is listed is a folder.
STATE = "state"
GONE = f"{STATE}/files-gone.json"
Say = Callable[[str], object]


def named() -> set[str]:
    """Every file that a row names."""
    return {name for model in apps.get_models() for name in _of_model(model)}


def _of_model(model: type) -> Iterator[str]:
    fields = [one.name for one in model._meta.fields if isinstance(one, FileField)]  # type: ignore[attr-defined]
    if fields:
        rows = model._default_manager.order_by().values_list(*fields)  # type: ignore[attr-defined]
        for names in rows.iterator(chunk_size=2000):
            yield from (str(name) for name in names if name)


def copies(store: Store) -> dict[str, str]:
    """Files by their name, with the name of their copy."""
    there = (one.name for one in store.listed(f"{FOLDER}/"))
    return {name.removeprefix(f"{FOLDER}/").removesuffix(sealing.ENDING): name for name in there}


def copy_all(store: Store, folder: Path, *, now: datetime, days: int, say: Say) -> None:
    """Copy what has no copy yet, and delete copies of what has been gone for `days`. What the
    storage itself does not have is only said. Raises BackupError."""
    wanted = named()
    try:
        there = copies(store)
        missing = sum(not _copy(store, name, folder) for name in sorted(wanted - set(there)))
        removed = _let_go(store, set(there) - wanted, there, folder, now=now, days=days)
    except ERRORS as error:
        raise in_words(error, store) from error
    say(f"files: {len(wanted - set(there)) - missing} copied, {len(wanted)} in all, {removed} gone")
    if missing:
        say(f"files: {missing} that rows name are not in the storage")


def _copy(store: Store, name: str, folder: Path) -> bool:
    plain, sealed = folder / "file", folder / "file.age"
    try:
        with default_storage.open(name, "rb") as given, plain.open("wb") as written:
            shutil.copyfileobj(given, written)
    except FileNotFoundError:
        return False
    if not sealing.is_on():
        store.put(plain, f"{FOLDER}/{name}")
        return True
    sealed.unlink(missing_ok=True)
    sealing.seal(plain, sealed)
    store.put(sealed, f"{FOLDER}/{name}{sealing.ENDING}")
    return True


def _let_go(
    store: Store,
    unnamed: set[str],
    there: dict[str, str],
    folder: Path,
    *,
    now: datetime,
    days: int,
) -> int:
    since = _gone(store)
    known = {name: since.get(name, now.isoformat()) for name in sorted(unnamed)}
    limit = now - timedelta(days=days)
    old = [name for name, at in known.items() if datetime.fromisoformat(at) < limit]
    for name in old:
        store.delete(there[name])
        del known[name]
    if known != since:
        written = folder / "gone"
        written.write_text(json.dumps(known, indent=1), encoding="utf-8")
        store.put(written, GONE)
    return len(old)


def _gone(store: Store) -> dict[str, str]:
    """When it was first seen that no row names a file any more."""
    if not any(one.name == GONE for one in store.listed(f"{STATE}/")):
        return {}
    try:
        return dict(json.loads(b"".join(store.read(GONE))))
    except ValueError:
        # Written anew; the copies then stay longer, not shorter.
        return {}


def fetch(store: Store, copy: str, folder: Path) -> Path:
    """The content of one copy, as a file of `folder`. Raises BackupError or one of ERRORS."""
    lying, plain = folder / "fetched", folder / "opened"
    store.get(copy, lying)
    if not copy.endswith(sealing.ENDING):
        return lying
    plain.unlink(missing_ok=True)
    sealing.open_sealed(lying, plain)
    return plain


def bring_back(store: Store, folder: Path, say: Say) -> int:
    """Put every file that a row names and the storage does not have back from its copy; how
    many have none. Raises BackupError."""
    try:
        there = copies(store)
        lost = [name for name in sorted(named()) if not default_storage.exists(name)]
        without = [name for name in lost if name not in there]
        for name in lost:
            if name in there:
                _put_back(fetch(store, there[name], folder), name)
    except ERRORS as error:
        raise in_words(error, store) from error
    say(f"files: {len(lost) - len(without)} brought back, {len(without)} have no copy")
    return len(without)


def _put_back(source: Path, name: str) -> None:
    with source.open("rb") as file:
        if default_storage.save(name, File(file)) != name:
            raise BackupError(f"The storage gave another name to {name}.")
