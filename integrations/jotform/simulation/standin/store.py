"""The submissions that the stand-in keeps, and what an edit does to them."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from integrations.jotform.simulation.simulator import SimulatedSubmission

QUESTIONS = {
    "3": ("nomeDoDentista", "control_fullname"),
    "4": ("email", "control_email"),
    "5": ("nomeDoPaciente", "control_fullname"),
    "6": ("dente", "control_textbox"),
    "7": ("radiografia", "control_fileupload"),
    "10": ("resultado", "control_textarea"),
    "11": ("fabricante", "control_textbox"),
    "12": ("situacao", "control_textbox"),
}
KEY = re.compile(r"submission\[(\w+)\](?:\[(\w*)\])?")
SHORTHAND = re.compile(r"(\d+)_(\w+)")
MARKS = ("new", "flag")
COLUMNS = ("id", "form_id", "created_at", "updated_at", "status", "new", "flag")
COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "gt": lambda shown, given: shown > given,
    "gte": lambda shown, given: shown >= given,
    "lt": lambda shown, given: shown < given,
    "lte": lambda shown, given: shown <= given,
    "ne": lambda shown, given: shown != given,
    "": lambda shown, given: shown == given,
}


@dataclass
class Clock:
    """Writes the time as Jotform does: of some time zone, which it does not name."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    zone: tzinfo = field(default_factory=lambda: ZoneInfo("America/New_York"))

    def stamp(self, *, after: str = "") -> str:
        """ "YYYY-MM-DD HH:MM:SS", later than `after` by a second at least."""
        now = self.now().astimezone(self.zone).replace(microsecond=0, tzinfo=None)
        if after:
            now = max(now, datetime.fromisoformat(after) + timedelta(seconds=1))
        return str(now)


@dataclass
class Stored:
    """A submission as Jotform has it now; `answers` and `uploads` (file names) by number."""

    seed: SimulatedSubmission
    answers: dict[str, Any]
    uploads: dict[str, list[str]]
    created_at: str
    updated_at: str | None = None
    status: str = "ACTIVE"
    marks: dict[str, str] = field(default_factory=lambda: {"new": "1", "flag": "0"})

    def urls(self, number: str) -> list[str]:
        names = self.uploads[number]
        return [self.seed.upload_base + self.seed.upload_path(name) for name in names]

    def answer(self, number: str) -> Any:
        """None for a question without an answer, a list for one of files."""
        if number in self.uploads:
            return self.urls(number)
        value = self.answers.get(number)
        if isinstance(value, str) and value.startswith("data:"):
            name = f"{self.seed.submission_id}_signature_{number}.png"
            return self.seed.upload_base + self.seed.upload_path(name)
        return value or None

    def head(self) -> dict[str, Any]:
        return {
            "id": self.seed.submission_id,
            "form_id": self.seed.form_id,
            "ip": "203.0.113.7",
            "created_at": self.created_at,
            "status": self.status,
            **self.marks,
            "notes": "",
            "updated_at": self.updated_at,
        }


class Store:
    """Not safe for threads: the stand-in holds its lock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.questions = dict(QUESTIONS)
        self.form_ids = {SimulatedSubmission("0").form_id}
        self.submissions: dict[str, Stored] = {}
        self.rewrite: Callable[[str], str] = str

    def add(self, seed: SimulatedSubmission) -> Stored:
        """One that is known is replaced, which is an edit."""
        known = self.submissions.get(seed.submission_id)
        answers = {self._number(key, value): value for key, value in seed.answers.items()}
        uploads = {self._number(key, None): list(names) for key, names in seed.uploads.items()}
        stored = Stored(seed, answers, uploads, self.clock.stamp())
        if known:
            stored.created_at, stored.updated_at = known.created_at, known.updated_at
            self.touch(stored)
        self.submissions[seed.submission_id] = stored
        self.form_ids.add(seed.form_id)
        return stored

    def touch(self, stored: Stored) -> None:
        stored.updated_at = self.clock.stamp(after=stored.updated_at or stored.created_at)

    def apply(self, submission_id: str, pairs: Iterable[tuple[str, str]]) -> bool:
        """Carry out an edit: bracketed keys only, and only numbers that the form has; anything
        else is dropped in silence. Whether there was something to carry out."""
        stored = self.submissions[submission_id]
        fresh: set[str] = set()
        applied = [self._set(stored, *key, value, fresh) for key, value in _keys(pairs)]
        if any(applied):
            self.touch(stored)
        return any(applied)

    def _set(
        self, stored: Stored, number: str, part: str | None, value: str, fresh: set[str]
    ) -> bool:
        if number in MARKS:
            stored.marks[number] = value
            return True
        if number not in self.questions:
            return False
        old = stored.answers.get(number)
        if part is None:
            stored.answers[number] = self.rewrite(value)
        elif part == "" or part.isdecimal():
            begun = old if number in fresh and isinstance(old, list) else []
            stored.answers[number] = [*begun, value]
        else:
            stored.answers[number] = {**(old if isinstance(old, dict) else {}), part: value}
        fresh.add(number)
        return True

    def content(self, submission_id: str) -> dict[str, Any]:
        stored = self.submissions[submission_id]
        answers: dict[str, dict[str, Any]] = {}
        for order, (number, (name, kind)) in enumerate(self.questions.items(), 1):
            shown = {"name": name, "order": str(order), "text": name, "type": kind}
            answers[number] = shown
            answer = stored.answer(number)
            if kind == "control_fileupload":
                answers[number]["answer"] = answer or []
            elif answer:
                answers[number]["answer"] = answer
                if isinstance(answer, dict):
                    answers[number]["prettyFormat"] = " ".join(map(str, answer.values()))
        return {**stored.head(), "answers": answers}

    def form_questions(self) -> dict[str, dict[str, str]]:
        return {
            number: {
                "qid": number,
                "name": name,
                "text": name,
                "type": kind,
                "order": str(order),
                "required": "No",
            }
            for order, (number, (name, kind)) in enumerate(self.questions.items(), 1)
        }

    def matching(
        self, *, form_id: str, filters: Mapping[str, Any], order_by: str, is_rising: bool
    ) -> list[str]:
        """The ids of a form's submissions (all without one), newest first. Raises ValueError."""
        heads = [stored.head() for stored in self.submissions.values()]
        found = [
            head
            for head in heads
            if form_id in ("", head["form_id"])
            and all(_matches(head, *key.partition(":")[::2], filters[key]) for key in filters)
        ]
        if order_by not in COLUMNS:
            raise ValueError(order_by)
        found.sort(key=lambda head: (head[order_by] or "", head["id"]), reverse=not is_rising)
        return [head["id"] for head in found]

    def current(self, submission_id: str) -> SimulatedSubmission:
        """The submission with its answers of now, as a webhook would tell them."""
        stored = self.submissions[submission_id]
        keys = {number: f"q{number}_{name}" for number, (name, _kind) in self.questions.items()}
        return replace(
            stored.seed,
            answers={keys[number]: value for number, value in stored.answers.items()},
            uploads={keys[number]: list(names) for number, names in stored.uploads.items()},
        )

    def _number(self, key: str, value: object) -> str:
        number, _, name = key.partition("_")
        number = number.removeprefix("q")
        known_name, kind = self.questions.get(number, ("", _kind(value)))
        if value is None:
            kind = _kind(value)
        self.questions[number] = (name or known_name, kind)
        return number


def _kind(value: object) -> str:
    if value is None:
        return "control_fileupload"
    if isinstance(value, str) and value.startswith("data:"):
        return "control_signature"
    kinds: dict[type, str] = {dict: "control_fullname", list: "control_checkbox"}
    return kinds.get(type(value), "control_textbox")


def _keys(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[tuple[str, str | None], str]]:
    for name, value in pairs:
        if not (key := KEY.fullmatch(name)):
            continue
        number, part = key[1], key[2]
        if part is None and (shorthand := SHORTHAND.fullmatch(number)):
            number, part = shorthand[1], shorthand[2]
        yield (number, part), value


def _matches(head: Mapping[str, Any], column: str, comparison: str, given: object) -> bool:
    if column not in COLUMNS or comparison not in COMPARISONS:
        raise ValueError(column)
    shown = head[column]
    return shown is not None and COMPARISONS[comparison](str(shown), str(given))


def parsed_filter(text: str) -> dict[str, Any]:
    """Raises ValueError for anything but a JSON object."""
    filters = json.loads(text) if text else {}
    if not isinstance(filters, dict):
        raise ValueError(text)
    return filters
