"""Erasures that people asked for, noted beside the dumps, so that they can be done again after an
older dump was restored.

A note names cases by their number and a keyed hash (RAIOX_HASH_KEY), so that a number which was
given away anew is not taken for the case of before; it says nothing about a person.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cases import certificates, erasure
from cases.keyed_hash import keyed_hash
from cases.models import Case, Erasure
from integrations.models import JotformDelivery
from raiox_site.backup.errors import BackupError
from raiox_site.backup.manifest import STAMP
from raiox_site.backup.stores import ERRORS, Store, configured, in_words

FOLDER = "erasures"
BASES = (Erasure.Basis.CASE, Erasure.Basis.DENTIST, Erasure.Basis.PATIENT)
# The clock of a note need not be that of the dump.
EARLIER = timedelta(hours=1)
Say = Callable[[str], object]


@dataclass
class Again:
    """What became of the notes. `unreadable`: made under another RAIOX_HASH_KEY, or broken."""

    notes: int = 0
    cases: int = 0
    deliveries: int = 0
    unreadable: list[str] = field(default_factory=list)


def key_name() -> str:
    """Tells one RAIOX_HASH_KEY from another without saying anything about it."""
    return keyed_hash("raiox.erasures")[:8]


def note_all(*, since: datetime) -> int:
    """Note every erasure asked for after `since`, complete or not; how many. Safe to repeat.
    Raises BackupError."""
    rows = list(Erasure.objects.filter(basis__in=BASES, asked_at__gt=since).order_by("pk"))
    if not rows:
        return 0
    store = configured()
    try:
        with tempfile.TemporaryDirectory() as folder:
            for row in rows:
                written = Path(folder) / "note"
                written.write_text(json.dumps(_note(row), indent=1), encoding="utf-8")
                store.put(written, _name(row))
    except ERRORS as error:
        raise in_words(error, store) from error
    return len(rows)


def _name(row: Erasure) -> str:
    return f"{FOLDER}/{row.asked_at.strftime(STAMP)}-{row.pk}.json"


def _note(row: Erasure) -> dict[str, Any]:
    cases = list(Case.objects.filter(pk__in=row.case_ids).order_by("pk"))
    return {
        "erasure": row.pk,
        "basis": row.basis,
        "asked_at": row.asked_at.isoformat(),
        "code": certificates.code(row),
        "key": key_name(),
        "cases": {str(case.pk): _case_digest(case) for case in cases},
        "submissions": [
            _submission_digest(case.jotform_submission_id)
            for case in cases
            if case.jotform_submission_id
        ],
    }


def _case_digest(case: Case) -> str:
    return keyed_hash(f"case|{case.pk}|{case.created_at.isoformat()}")


def _submission_digest(submission_id: str) -> str:
    return keyed_hash(f"submission|{submission_id}")


def erase_again(store: Store, *, since: datetime, say: Say) -> Again:
    """Erase what was erased after `since`, by the notes. Safe to repeat: to be done once more
    when submissions were fetched from Jotform anew. Raises BackupError."""
    again = Again()
    for note in _notes(store, since, again):
        again.notes += 1
        for case in _still_there(note):
            erasure.erase_case(case_id=case.pk)
            again.cases += 1
        again.deliveries += _forget_deliveries(note)
    say(
        f"erased again: {again.cases} cases, {again.deliveries} deliveries,"
        f" by {again.notes} notes of erasures"
    )
    return again


def _notes(store: Store, since: datetime, again: Again) -> Iterator[dict[str, Any]]:
    begin = since - EARLIER
    try:
        names = [one.name for one in store.listed(f"{FOLDER}/")]
        for name in sorted(names):
            note = _parsed(b"".join(store.read(name)))
            if note and datetime.fromisoformat(note["asked_at"]) <= begin:
                continue
            if note is None or note.get("key") != key_name():
                again.unreadable.append(name)
            else:
                yield note
    except ERRORS as error:
        raise in_words(error, store) from error


def _parsed(content: bytes) -> dict[str, Any] | None:
    try:
        note = json.loads(content)
        datetime.fromisoformat(note["asked_at"])
        return {**note, "cases": dict(note["cases"]), "submissions": list(note["submissions"])}
    except (ValueError, KeyError, TypeError):
        return None


def _still_there(note: dict[str, Any]) -> Iterator[Case]:
    """Its cases that hold something: by their number, and by the submission where they came
    anew."""
    known = set(note["submissions"])
    cases = Case.objects.exclude(status=Case.Status.ARCHIVED)
    for case in cases.filter(pk__in=[int(pk) for pk in note["cases"]]):
        if _case_digest(case) == note["cases"][str(case.pk)]:
            yield case
    if known:
        for case in cases.exclude(jotform_submission_id=None).iterator(chunk_size=1000):
            if _submission_digest(str(case.jotform_submission_id)) in known:
                yield case


def _forget_deliveries(note: dict[str, Any]) -> int:
    """Deliveries without a case say whom they are about only in what they hold: of a person who
    asked, all of before that moment go. They are kept for inspection only."""
    if note["basis"] == Erasure.Basis.CASE:
        return 0
    asked_at = datetime.fromisoformat(note["asked_at"])
    return JotformDelivery.objects.filter(case=None, received_at__lt=asked_at).delete()[0]


def prune(store: Store, *, before: datetime) -> None:
    """A note is needed for as long as a dump from before it may be restored. Raises one of
    ERRORS."""
    for one in list(store.listed(f"{FOLDER}/")):
        if one.at < before - timedelta(days=1):
            store.delete(one.name)


def require_readable(again: Again) -> None:
    """Raises BackupError where a note could not be used."""
    if again.unreadable:
        raise BackupError(
            f"{len(again.unreadable)} notes of erasures were made under another RAIOX_HASH_KEY, or"
            " are broken: set the earlier key for one run, or erase these by hand:"
            f" {', '.join(again.unreadable[:20])}"
        )
