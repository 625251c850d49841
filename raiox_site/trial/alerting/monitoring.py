"""A real Prometheus and a real Alertmanager, with the files of `deploy/monitoring/`.

Of these only the waiting is shortened: every `for:` and the times after which Alertmanager
sends are divided by FACTOR. Expressions, thresholds, windows and routes stay as they are.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml
from django.conf import settings

from raiox_site import running
from raiox_site.trial.alerting.receivers import ALERTS_TOKEN, CHAT

FACTOR = 60
FILES = settings.BASE_DIR / "deploy" / "monitoring"
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
RUNBOOKS = "https://runbooks.example.org/raiox"
PROMETHEUS, ALERTMANAGER = "prometheus", "prometheus-alertmanager"
WAITING = ("group_wait", "group_interval")


@dataclass(frozen=True)
class Rule:
    """An alert as it stands in the file."""

    name: str
    severity: str
    summary: str
    description: str
    runbook: str


def rules() -> list[Rule]:
    return [
        Rule(one["alert"], one["labels"]["severity"], **one["annotations"])
        for group in _loaded("rules/alerts.yml")["groups"]
        for one in group["rules"]
    ]


@dataclass
class Monitoring:
    """Both programs, their files in `folder`, watching a web and a worker address."""

    folder: Path
    web: str
    worker: str
    telegram: str
    mail_port: int

    def __post_init__(self) -> None:
        self.base = f"http://127.0.0.1:{running.free_port()}"
        self._alerts = f"http://127.0.0.1:{running.free_port()}"
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Raises CalledProcessError, FileNotFoundError or TimeoutError."""
        self._write()
        self._run(
            ALERTMANAGER,
            "--config.file=alertmanager.yml",
            "--storage.path=alertmanager",
            f"--web.listen-address={self._alerts.removeprefix('http://')}",
            "--cluster.listen-address=",
        )
        self._run(
            PROMETHEUS,
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=prometheus",
            f"--web.listen-address={self.base.removeprefix('http://')}",
        )
        running.wait_for(lambda: _is_ready(self.base) and _is_ready(self._alerts), 60)

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(15)

    def ask(self, expression: str) -> list[dict[str, Any]]:
        answer = requests.get(f"{self.base}/api/v1/query", {"query": expression}, timeout=10)
        return list(answer.json()["data"]["result"])

    def firing(self) -> set[str]:
        answer = requests.get(f"{self.base}/api/v1/alerts", timeout=10).json()
        alerts = answer["data"]["alerts"]
        return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}

    def _run(self, *command: str) -> None:
        with (self.folder / f"{command[0]}.log").open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
                )
            )

    def _write(self) -> None:
        (self.folder / "rules").mkdir()
        for name in ("recording.yml", "alerts.yml"):
            _dump(self.folder / "rules" / name, shortened(_loaded(f"rules/{name}")))
        (self.folder / "token").write_text("")
        _dump(self.folder / "prometheus.yml", self._prometheus(_loaded("prometheus.yml")))
        self._render()

    def _prometheus(self, known: dict[str, Any]) -> dict[str, Any]:
        known["global"].update(scrape_interval="2s", scrape_timeout="2s", evaluation_interval="1s")
        known["alerting"]["alertmanagers"] = [_at(self._alerts)]
        for job, address in zip(known["scrape_configs"], (self.web, self.worker), strict=True):
            del job["authorization"]
            job["static_configs"] = _at(address)["static_configs"]
        return known

    def _render(self) -> None:
        """By the script that an operator uses."""
        (self.folder / "token").write_text(ALERTS_TOKEN)
        given = {
            "EMAIL": "operator@example.org",
            "FROM": "raiox@example.org",
            "SMTP": f"127.0.0.1:{self.mail_port}",
            "SMTP_TLS": "false",
            "TELEGRAM_TOKEN_FILE": str(self.folder / "token"),
            "TELEGRAM_CHAT": str(CHAT),
            "TELEGRAM_API": self.telegram,
            "RUNBOOKS": RUNBOOKS,
        }
        environment = {**os.environ, **{f"RAIOX_ALERT_{name}": one for name, one in given.items()}}
        command = [str(FILES / "render.sh"), str(self.folder)]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        path = self.folder / "alertmanager.yml"
        _dump(path, _hurried(yaml.safe_load(path.read_text())))


def shortened(loaded: dict[str, Any]) -> dict[str, Any]:
    """Rules whose `for:` is FACTOR times shorter; nothing else is changed."""
    for group in loaded["groups"]:
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = shorter(rule["for"])
    return loaded


def shorter(duration: str) -> str:
    number, unit = re.fullmatch(r"(\d+)([smhd])", duration).groups()  # type: ignore[union-attr]
    return f"{max(int(number) * SECONDS[unit] * 1000 // FACTOR, 1)}ms"


def _hurried(known: dict[str, Any]) -> dict[str, Any]:
    for route in (known["route"], *known["route"]["routes"]):
        for name in WAITING:
            if name in route:
                route[name] = shorter(route[name])
    return known


def _loaded(name: str) -> Any:
    return yaml.safe_load((FILES / name).read_text())


def _dump(path: Path, content: object) -> None:
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))


def _at(address: str) -> dict[str, Any]:
    return {"static_configs": [{"targets": [address.removeprefix("http://")]}]}


def _is_ready(base: str) -> bool:
    try:
        return requests.get(f"{base}/-/ready", timeout=2).status_code == 200
    except requests.RequestException:
        return False
