"""The files of `deploy/monitoring/`: they fit each other, and what the service tells."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from raiox_site.trial.alerting import messages
from raiox_site.trial.alerting.faults import SCHEDULE
from raiox_site.trial.alerting.monitoring import FACTOR, RUNBOOKS, Rule, rules, shortened, shorter

FILES = settings.BASE_DIR / "deploy" / "monitoring"
TOLD = re.compile(r'(?:GaugeMetricFamily|gauge|Counter|Histogram|Gauge)\(\s*"(raiox_\w+)"')
USED = re.compile(r"\b(raiox_\w+)")
RECORDED = re.compile(r"\b(raiox:[\w:]+)")
SUFFIXES = re.compile(r"_(bucket|count|sum|total|info)$")


def expressions() -> list[str]:
    loaded = [yaml.safe_load((FILES / "rules" / name).read_text()) for name in files()]
    found = [rule["expr"] for one in loaded for rule in one["groups"][0]["rules"]]
    panels = json.loads((FILES / "grafana-dashboard.json").read_text())["panels"]
    return found + [target["expr"] for one in panels for target in one.get("targets", [])]


def files() -> tuple[str, str]:
    return ("recording.yml", "alerts.yml")


def sources() -> str:
    folders = [settings.BASE_DIR / name for name in ("raiox_site", "matching")]
    paths = [path for folder in folders for path in folder.glob("*.py")]
    return "\n".join(path.read_text() for path in paths)


def test_rules_and_dashboard_ask_only_for_what_the_service_tells() -> None:
    told = set(TOLD.findall(sources())) | {"raiox_build"}
    used = {SUFFIXES.sub("", name) for one in expressions() for name in USED.findall(one)}
    assert used - told == set()
    assert len(used) > 15


def test_every_recorded_series_that_is_asked_for_is_recorded() -> None:
    loaded = yaml.safe_load((FILES / "rules" / "recording.yml").read_text())
    recorded = {rule["record"] for rule in loaded["groups"][0]["rules"]}
    asked = {name for one in expressions() for name in RECORDED.findall(one)}
    assert asked - recorded == set()


def test_every_alert_is_provoked_by_the_trial_and_has_a_test_of_its_rule() -> None:
    names = {rule.name for rule in rules()}
    tested = yaml.safe_load((FILES / "rules_test.yml").read_text())["tests"]
    assert {fault.alert for phase in SCHEDULE for fault in phase} == names
    assert names <= {one["name"] for one in tested}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_every_alert_leads_to_a_section_of_the_runbook(rule: Rule) -> None:
    path, _hash, anchor = rule.runbook.partition("#")
    runbook = settings.BASE_DIR / path
    headings = re.findall(r"^#+ (.+)$", runbook.read_text(), re.M)
    anchors = {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}
    assert anchor in anchors
    assert rule.severity in messages.MARKS


def test_for_the_trial_only_the_waiting_of_rules_is_shortened() -> None:
    loaded = yaml.safe_load((FILES / "rules" / "alerts.yml").read_text())
    before = {rule["alert"]: dict(rule) for rule in loaded["groups"][0]["rules"]}
    for rule in shortened(loaded)["groups"][0]["rules"]:
        known = before[rule["alert"]]
        assert {**rule, "for": 0} == {**known, "for": 0}
    assert (shorter("10m"), shorter("0s")) == (f"{600_000 // FACTOR}ms", "1ms")


@pytest.fixture
def rule() -> Rule:
    return next(one for one in rules() if one.name == "RaioxQueueStuck")


def message(rule: Rule, **changes: str) -> str:
    summary = re.sub(r"{{.*?}}", "10m", rule.summary)
    said = {"mark": "🔴 URGENTE", "summary": summary, "description": rule.description, **changes}
    link = f"O que fazer: {RUNBOOKS}/{rule.runbook}"
    return "\n".join([said["mark"], said["summary"], said["description"], link])


def test_a_message_as_it_should_be_has_no_fault(rule: Rule) -> None:
    text = message(rule)
    assert messages.firing(rule, ["another", text]) == text
    assert messages.faults(rule, text, forbidden=["Maria"]) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"mark": "🟡 Atenção"},
        {"summary": "The queue is stuck."},
        {"description": "Os casos chegam, mas não são processados. <no value>"},
        {"description": "Os casos chegam, mas não são processados. Maria"},
    ],
)
def test_a_message_that_says_too_little_or_too_much_has_faults(
    rule: Rule, changes: dict[str, str]
) -> None:
    assert messages.faults(rule, message(rule, **changes), forbidden=["Maria"])


def run(*command: Any, cwd: Path | None = None) -> None:
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_pass_their_own_tests() -> None:
    run("promtool", "test", "rules", FILES / "rules_test.yml")


def test_alertmanager_takes_its_configuration() -> None:
    run("amtool", "check-config", FILES / "alertmanager.yml")
