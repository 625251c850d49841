"""Reading the messages that arrived."""

import re
from collections.abc import Iterable

from raiox_site.trial.alerting.monitoring import RUNBOOKS, Rule

RESOLVED = "Resolvido"
MARKS = {"critical": "URGENTE", "warning": "Atenção"}


def firing(rule: Rule, texts: Iterable[str]) -> str:
    """The first message that says that the alert fires; empty when there is none."""
    return next((one for one in texts if _is_about(rule, one) and RESOLVED not in one), "")


def resolved(rule: Rule, texts: Iterable[str]) -> str:
    return next((one for one in texts if _is_about(rule, one) and RESOLVED in one), "")


def faults(rule: Rule, text: str, *, forbidden: Iterable[str]) -> list[str]:
    """What is wrong with a message, as sentences; nothing when it is as it should be."""
    wanted = [MARKS[rule.severity], *_literal(rule.summary), *_literal(rule.description)]
    found = [f"says nothing of {part!r}" for part in wanted if part not in text]
    found += ["has an unexpanded template"] if "{{" in text or "<no value>" in text else []
    return found + ["says what it must not" for one in forbidden if one and one in text]


def _is_about(rule: Rule, text: str) -> bool:
    return bool(re.search(rf"{re.escape(f'{RUNBOOKS}/{rule.runbook}')}\s*$", text))


def _literal(template: str) -> list[str]:
    """What stands in a template as it is."""
    return [part.strip() for part in re.split(r"{{.*?}}", template) if part.strip(" .:%")]
