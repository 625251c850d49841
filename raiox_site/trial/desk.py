"""Jotform and its dentists: they submit and edit, and what Jotform shows is the truth."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import unquote

from integrations.jotform.simulation.simulator import ANSWERS
from integrations.jotform.simulation.standin import (
    JotformStandIn,
    SimulatedSubmission,
    webhook_fields,
)
from integrations.jotform.simulation.standin.store import Store
from matching.radiograph import digest
from raiox_site.trial import films
from raiox_site.trial.plan import Delivery, Edit, Kind, Plan

FILES, ANSWER, MANUFACTURER, STATUS = "7", "10", "11", "12"
FIELDS = {"answer": ANSWER, "answer_manufacturer": MANUFACTURER, "answer_status": STATUS}
MARK = "trialDelivery"
FILM_COUNT = 40
NAMES = ("radiografia.png", "raio x 2.png", "panorâmica.png")
TEETH = [quadrant * 10 + position for quadrant in (1, 2, 3, 4) for position in range(1, 9)]

Fields = list[tuple[str, str]]


@dataclass(frozen=True)
class Effect:
    """An answer that an edit of ours really changed."""

    submission_id: str
    question: str
    text: str


@dataclass(frozen=True)
class Truth:
    """What a submission says now; `films` are SHA-256 digests by address."""

    dentist_name: str
    dentist_email: str
    patient_name: str
    tooth: int
    films: dict[str, str]


class RecordingStore(Store):
    """Remembers which edits that came through the API had an effect, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.effects: list[Effect] = []

    def apply(self, submission_id: str, pairs: Iterable[tuple[str, str]]) -> bool:
        stored = self.submissions[submission_id]
        before = dict(stored.answers)
        was_applied = super().apply(submission_id, pairs)
        self.effects += [
            Effect(submission_id, question, str(text))
            for question, text in stored.answers.items()
            if before.get(question) != text
        ]
        return was_applied


class Desk:
    """Fills the stand-in with the submissions of a plan, and carries its edits out."""

    def __init__(self, standin: JotformStandIn, plan: Plan, *, seed: int) -> None:
        self.standin = standin
        self.store = RecordingStore()
        standin.store = self.store
        self._rng = Random(seed)  # noqa: S311 # nosec B311 # invented data, the same for a seed
        self._films = [films.drawn(number) for number in range(FILM_COUNT)]
        self._told: dict[tuple[str, int], Fields] = {}
        self._was_told = threading.Condition()
        for number, submission_id in enumerate(plan.submissions):
            self.submit(submission_id, number)

    def edit(self, edit: Edit) -> None:
        with self.standin.lock:
            # What tells of this edit is in the plan.
            refires, self.standin.refires = self.standin.refires, False
            self.standin.edit(edit.submission_id, *self._changes(edit))
            self.standin.refires = refires
        self._tell(edit.submission_id, edit.version)

    def fields(self, delivery: Delivery) -> Fields:
        """What the webhook says: the answers as that version had them, sent when it was made."""
        key = (delivery.submission_id, delivery.version)
        with self._was_told:
            if not self._was_told.wait_for(lambda: key in self._told, timeout=60):
                raise TimeoutError("the edit was not carried out")
            return [*self._told[key], (MARK, str(delivery.number))]

    def truth(self, submission_id: str) -> Truth:
        with self.standin.lock:
            stored = self.store.submissions[submission_id]
            said, names = stored.answers, stored.uploads[FILES]
            paths = [unquote(stored.seed.upload_path(name)) for name in names]
            digests = [digest(self.standin.files[path]) for path in paths]
            return Truth(
                dentist_name=_full(said["3"]),
                dentist_email=said["4"],
                patient_name=_full(said["5"]),
                tooth=int(said["6"]),
                films=dict(zip(stored.urls(FILES), digests, strict=True)),
            )

    def shown(self, submission_id: str) -> dict[str, str]:
        """What stands in the fields for answers, by question number."""
        return {number: self.standin.shown(submission_id, number) for number in FIELDS.values()}

    def effects(self) -> list[Effect]:
        with self.standin.lock:
            return list(self.store.effects)

    def film_paths(self) -> list[str]:
        with self.standin.lock:
            return list(self.standin.files)

    def submit(self, submission_id: str, number: int) -> None:
        """A dentist sends a form, of which no webhook tells yet."""
        names = NAMES[: self._rng.choice((1, 1, 2, 3))]
        submission = SimulatedSubmission(
            submission_id,
            upload_base=self.standin.base,
            answers={
                **ANSWERS,
                "q4_email": f"dentista{number % 40}@example.com",
                "q5_nomeDoPaciente": {"first": "Paciente", "last": f"Fictício {number}"},
                "q6_dente": str(self._rng.choice(TEETH)),
            },
            uploads={f"q{FILES}_radiografia": names},
        )
        contents = self._rng.sample(self._films, len(names))
        self.standin.add(submission, **dict(zip(names, contents, strict=True)))
        self._tell(submission_id, 0)

    def _changes(self, edit: Edit) -> tuple[dict[str, Any], dict[str, dict[str, bytes]]]:
        stored = self.store.submissions[edit.submission_id]
        path = stored.seed.upload_path
        shown = {name: self.standin.files[unquote(path(name))] for name in stored.uploads[FILES]}
        fresh = self._rng.choice([film for film in self._films if film not in shown.values()])
        first, *others = shown
        kept = {name: shown[name] for name in others}
        match edit.kind:
            case Kind.TOOTH:
                now = int(stored.answers["6"])
                return {"6": str(self._rng.choice([one for one in TEETH if one != now]))}, {}
            case Kind.PATIENT:
                return {"5": {"first": "Paciente", "last": f"Corrigido {edit.version}"}}, {}
            case Kind.FILE_REPLACED:
                return {}, {FILES: {f"nova {edit.version}.png": fresh, **kept}}
            case Kind.CONTENT_REPLACED:
                return {}, {FILES: {**shown, first: fresh}}
            case Kind.FILE_REMOVED if kept:
                return {}, {FILES: kept}
        return {}, {FILES: {**shown, f"mais {edit.version}.png": fresh}}

    def _tell(self, submission_id: str, version: int) -> None:
        with self.standin.lock, self._was_told:
            # `submitDate` counts milliseconds: a later version is sent later.
            time.sleep(0.002)
            fields = webhook_fields(self.store.current(submission_id))
            self._told[submission_id, version] = fields
            self._was_told.notify_all()


def _full(name: dict[str, str]) -> str:
    return " ".join(name.values())
