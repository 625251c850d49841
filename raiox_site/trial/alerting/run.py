"""The trial of the alerts, from a healthy system to a healthy system."""

import json
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import requests
from django.conf import settings
from django.db import connection

from raiox_site.backup import record
from raiox_site.processes import wait_until
from raiox_site.trial.alerting import lines, material, messages, scene
from raiox_site.trial.alerting.acts import Act
from raiox_site.trial.alerting.faults import SCHEDULE, Fault
from raiox_site.trial.alerting.monitoring import FILES, Monitoring, Rule, rules
from raiox_site.trial.alerting.receivers import ALERTS_TOKEN, STAFF_TOKEN
from raiox_site.trial.alerting.scene import Scene

RESOLVED_SECONDS = 60.0
CALM_SECONDS = 300.0
# Alerts whose faults take seconds.
SHORT = frozenset(
    {
        "RaioxBackupOld",
        "RaioxAnswersLate",
        "RaioxJotformRefusesKey",
        "RaioxStorageDown",
        "RaioxQueueStuck",
        "RaioxDatabaseDown",
        "RaioxDown",
    }
)
Say = Callable[[str], object]


@dataclass
class Trial:
    scene: Scene
    monitoring: Monitoring
    say: Say
    problems: list[str] = field(default_factory=list)
    fired: set[str] = field(default_factory=set)
    # How many texts and mails had arrived before the fault: what an earlier one brought is none
    # of its doing, unless that still fires.
    since: dict[str, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rules = {rule.name: rule for rule in rules()}

    def phase(self, faults: Iterable[Fault]) -> None:
        """All at once: they have nothing to do with each other."""
        faults, fires = list(faults), self.monitoring.firing()
        self.since = {one.alert: self._arrived(one.alert in fires) for one in faults}
        for fault in faults:
            self.say(f"-- {fault.alert}: {fault.what}")
            self._do(fault, fault.provoke)
        for fault in faults:
            self._read(fault)
        for fault in faults:
            self._do(fault, fault.mend)
        for fault in faults:
            if fault.resolves and fault.alert in self.fired:
                self._read_end(fault)

    def _do(self, fault: Fault, act: Act) -> None:
        try:
            act(self.scene)
        except TimeoutError:
            self._note(f"{fault.alert}: what its fault needs did not happen")

    def _read(self, fault: Fault) -> None:
        rule = self.rules[fault.alert]
        since = time.monotonic()
        wait_until(lambda: self._has_arrived(rule), fault.seconds, pause=0.2)
        text = messages.firing(rule, self._texts(rule))
        if not self._has_arrived(rule):
            by = "e-mail" if text else "Telegram"
            self._note(f"{rule.name}: no message by {by} within {fault.seconds:.0f} s")
            return
        self.fired.add(rule.name)
        wrong = messages.faults(rule, text, forbidden=self.forbidden())
        wrong += messages.faults(rule, self._mail(rule), forbidden=self.forbidden())
        for one in dict.fromkeys(wrong):
            self._note(f"{rule.name}: its message {one}")
        if not wrong:
            self.say(f"ok {rule.name} after {time.monotonic() - since:.0f} s; its message:")
            self.say("".join(f"    | {line}\n" for line in text.splitlines()).rstrip())

    def _read_end(self, fault: Fault) -> None:
        rule = self.rules[fault.alert]
        if wait_until(
            lambda: bool(messages.resolved(rule, self._texts(rule))), RESOLVED_SECONDS, pause=0.2
        ):
            self.say(f"ok {rule.name} is told to be over")
        else:
            self._note(f"{rule.name}: nobody is told that it is over")

    def _has_arrived(self, rule: Rule) -> bool:
        return bool(messages.firing(rule, self._texts(rule)) and self._mail(rule))

    def _arrived(self, is_earlier_too: bool) -> tuple[int, int]:
        if is_earlier_too:
            return 0, 0
        return len(self.scene.telegram.texts), len(self.scene.mail.mails)

    def _texts(self, rule: Rule) -> list[str]:
        return self.scene.telegram.texts[self.since[rule.name][0] :]

    def _mail(self, rule: Rule) -> str:
        mails = self.scene.mail.mails[self.since[rule.name][1] :]
        return messages.firing(rule, [text for _subject, text in mails])

    def forbidden(self) -> list[str]:
        secrets = (settings.SECRET_KEY, ALERTS_TOKEN, STAFF_TOKEN, self.scene.standin.api_key)
        return [*material.PERSONAL, *secrets]

    def _note(self, problem: str) -> None:
        self.problems.append(problem)
        self.say(f"FAIL {problem}")


def run(*, short: bool, disk: Path | None, keep: bool, say: Say, only: set[str]) -> list[str]:
    """What is not as it must be. Raises CalledProcessError and TimeoutError when the programs do
    not start."""
    with scene.opened(disk=disk, keep=keep) as opened:
        say(f"processes' log: {opened.log}")
        for name in (record.BACKUP, record.DRILL):
            record.good(name)
        folder = opened.path / "monitoring"
        folder.mkdir()
        watching = Monitoring(
            folder, opened.base, opened.exporter, opened.telegram.base, opened.mail.port
        )
        try:
            watching.start()
            return _tried(Trial(opened, watching, say), short=short, only=only)
        finally:
            watching.stop()


def _tried(trial: Trial, *, short: bool, only: set[str]) -> list[str]:
    if not wait_until(lambda: _is_calm(trial), CALM_SECONDS, pause=0.5):
        return [f"a healthy system is not calm: {sorted(trial.monitoring.firing())}"]
    trial.say("ok a healthy system: every target is up, and nothing fires")
    chosen = only or (SHORT if short else set(trial.rules))
    for phase in SCHEDULE:
        faults = [fault for fault in phase if fault.alert in chosen and _is_possible(trial, fault)]
        if faults:
            trial.phase(faults)
            connection.close()
    untried = {fault.alert for phase in SCHEDULE for fault in phase} ^ set(trial.rules)
    trial.problems += [f"{name} is not in the schedule of faults" for name in sorted(untried)]
    _check_dashboard(trial)
    trial.problems += lines.problems(trial.scene, forbidden=trial.forbidden())
    trial.say("the log was read: one id in the lines of web and worker, nobody named")
    trial.say(f"{len(trial.fired)} of {len(trial.rules)} alerts were fired and read")
    return trial.problems


def _check_dashboard(trial: Trial) -> None:
    """Every question of the dashboard has an answer, now that there were films and requests."""
    panels = json.loads((FILES / "grafana-dashboard.json").read_text())["panels"]
    asked = [(one["title"], query["expr"]) for one in panels for query in one.get("targets", [])]

    def empty_ones() -> list[str]:
        # Between two readings: what is counted for the first time is no increase yet.
        requests.get(f"{trial.scene.base}/implants", timeout=30)
        return [title for title, expression in asked if not trial.monitoring.ask(expression)]

    wait_until(lambda: not empty_ones(), RESOLVED_SECONDS, pause=1.0)
    empty = empty_ones()
    trial.problems += [f"the dashboard's “{title}” is empty" for title in empty]
    trial.say(
        f"{len(asked) - len(empty)} of {len(asked)} questions of the dashboard have an answer"
    )


def _is_calm(trial: Trial) -> bool:
    up = {one["metric"]["job"]: one["value"][1] for one in trial.monitoring.ask("up")}
    is_well = requests.get(f"{trial.scene.base}/health", timeout=10).status_code == 200
    is_up = {job: value == "1" for job, value in up.items()}
    # Until then a task may wait for longer than it may take, where little of a processor is left.
    is_loaded = trial.monitoring.ask('raiox_encoder_loaded{job="raiox-worker"} >= 2')
    is_ready = is_well and is_loaded and is_up == {"raiox": True, "raiox-worker": True}
    return bool(is_ready and not _fires(trial))


def _fires(trial: Trial) -> bool:
    return bool(trial.monitoring.firing() or not trial.monitoring.ask("raiox:cases"))


def _is_possible(trial: Trial, fault: Fault) -> bool:
    lacking = {
        "disk": "no small disk was given (mounting one needs root)" if not trial.scene.disk else "",
        "redis-server": "" if shutil.which("redis-server") else "redis-server is not installed",
        "": "",
    }[fault.needs]
    if lacking:
        trial.say(f"NOT RUN {fault.alert}: {lacking}")
    return not lacking
