"""What layers above keep of a case or a person, and how they erase it when this layer asks."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from cases.models import Case


@dataclass(frozen=True)
class Wanted:
    """A person who is to be erased: a dentist by the address (or a plain client by its id), or
    a patient by the name, with an address only among this dentist's."""

    email: str = ""
    patient: str = ""


@dataclass(frozen=True)
class Eraser:
    """Both say how many rows went, by kind.

    `of_case` runs in the transaction that archives the case and may rely on its lock.
    `of_person` erases what belongs to no case yet, before the cases of the person are listed.
    """

    of_case: Callable[[Case], Counter[str]]
    of_person: Callable[[Wanted], Counter[str]]


@dataclass(frozen=True)
class Limits:
    """Moments: what is older than `personal` says something of a person whose time is over,
    what is older than `records` is too old for the history, and `now`."""

    now: datetime
    personal: datetime
    records: datetime


@dataclass(frozen=True)
class Store:
    """Rows that go by their age: a name for the report, and which of them are too old.
    `is_locked`: PostgreSQL guards them (`cases.records`)."""

    name: str
    old: Callable[[Limits], QuerySet[Any]]
    is_locked: bool = False


erasers: list[Eraser] = []
stores: list[Store] = []


def also_erase(eraser: Eraser) -> None:
    """Have a layer above erase what it keeps of a case or a person."""
    erasers.append(eraser)


def also_purge(*more: Store) -> None:
    """Have rows of a layer above go when they are too old."""
    stores.extend(more)


def erase_of_case(case: Case) -> Counter[str]:
    return sum((one.of_case(case) for one in erasers), Counter())


def erase_of_person(wanted: Wanted) -> Counter[str]:
    return sum((one.of_person(wanted) for one in erasers), Counter())
