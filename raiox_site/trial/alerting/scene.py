"""The system under trial: real processes on a PostgreSQL of their own, and what they talk to."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from django.conf import settings
from django.core.files.storage import storages
from django.db import connection

from integrations.jotform.simulation.standin import JotformStandIn
from raiox_site import embedded_postgres, processes, running
from raiox_site.trial import scratch
from raiox_site.trial.alerting.receivers import STAFF_TOKEN, MailServer, Telegram
from raiox_site.trial.services import Service

FIELDS = {"answer": "10"}
REDIS = "redis-server"
# So much that what must be free is the least of its troubles.
KEPT_FREE = {"filling": 0.12, "full": 0.02}


@dataclass
class Scene:
    """`disk` is a small file system in place of RAIOX_VAR_DIR, where there is one to fill."""

    path: Path
    disk: Path | None
    database: str
    standin: JotformStandIn
    telegram: Telegram
    mail: MailServer
    variables: dict[str, str] = field(default_factory=dict)
    redis: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.web_port, self.worker_port = running.free_port(), running.free_port()
        self.redis_port = running.free_port()
        self.variables = self._settings()
        self.web = Service(running.WEB, {**self.variables}, self.log)
        self.worker = Service(running.WORKER, {**self.variables}, self.log)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def exporter(self) -> str:
        return f"http://127.0.0.1:{self.worker_port}"

    @property
    def media(self) -> Path:
        return self.var_dir / "media"

    @property
    def var_dir(self) -> Path:
        return self.disk or self.path

    @property
    def log(self) -> Path:
        return self.path / "processes.log"

    def start(self) -> None:
        """Raises TimeoutError."""
        self.start_redis()
        self.web.start()
        self.worker.start()
        running.wait_for(lambda: running.is_up(self.base), 60)

    def start_redis(self) -> None:
        if shutil.which(REDIS):
            options = ["--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", ""]
            self.redis = subprocess.Popen([REDIS, *options], stdout=subprocess.DEVNULL)

    def stop_redis(self) -> None:
        if self.redis:
            self.redis.terminate()
            self.redis.wait(10)
            self.redis = None

    def restart_web(self, **changes: str) -> None:
        self.web.stop()
        self.web.environment.update(changes)
        self.web.start()
        running.wait_for(lambda: running.is_up(self.base), 60)

    def end(self) -> None:
        self.thaw()
        self.worker.stop()
        self.web.stop()
        self.stop_redis()
        processes.end_run(self.path, grace_s=5)

    def family(self, service: Service) -> list[psutil.Process]:
        if service.child is None or service.child.poll() is not None:
            return []
        return [psutil.Process(service.child.pid), *running.descendants(service.child.pid)]

    def freeze(self, service: Service) -> None:
        for process in self.family(service):
            with suppress(psutil.Error):
                process.suspend()

    def thaw(self) -> None:
        for service in (self.web, self.worker):
            for process in self.family(service):
                with suppress(psutil.Error):
                    process.resume()

    def stop_database(self) -> None:
        connection.close()
        embedded_postgres.stop(self.database_dir)

    def start_database(self) -> None:
        embedded_postgres.database_url(self.database_dir)

    @property
    def database_dir(self) -> Path:
        return settings.VAR_DIR / "postgres"

    def fill_disk(self, how: str) -> None:
        """Leave only a part of the disk free. The file is a hole-less one."""
        self.empty_disk()
        usage = shutil.disk_usage(self.var_dir)
        size = usage.free - int(usage.total * KEPT_FREE[how])
        command = ["fallocate", "-l", str(size), str(self._ballast)]
        subprocess.run(command, check=True)  # nosec B607 # a program of the system

    def empty_disk(self) -> None:
        self._ballast.unlink(missing_ok=True)

    @property
    def _ballast(self) -> Path:
        return self.var_dir / "ballast"

    def _settings(self) -> dict[str, str]:
        cache = f"redis://127.0.0.1:{self.redis_port}/0" if shutil.which(REDIS) else ""
        return {
            **scratch.variables(self.path, self.database),
            "RAIOX_VAR_DIR": str(self.var_dir),
            "RAIOX_METRICS_DIR": str(self.path / "metrics"),
            "RAIOX_LOG_FORMAT": "json",
            "RAIOX_METRICS_LISTEN": f"127.0.0.1:{self.worker_port}",
            "PORT": str(self.web_port),
            "REDIS_URL": cache,
            "JOTFORM_API_BASE": self.standin.base,
            "JOTFORM_API_KEY": self.standin.api_key,
            "JOTFORM_FIELDS": json.dumps(FIELDS),
            "RAIOX_JOTFORM_SYNC_MINUTES": "0",
            "RAIOX_TELEGRAM_BASE": self.telegram.base,
            "RAIOX_TELEGRAM_TOKEN": STAFF_TOKEN,
            "RAIOX_TELEGRAM_CHAT": "1",
            "RAIOX_NOTIFY_PAUSE_SECONDS": "0",
        }


@contextmanager
def _films_in(media: Path) -> Iterator[None]:
    """What this process stores is found by the processes of the scene."""
    storage = vars(storages["default"])
    before = {name: storage.pop(name, None) for name in ("base_location", "location")}
    storage.update(base_location=str(media), location=str(media))
    try:
        yield
    finally:
        storage.update({name: one for name, one in before.items() if one is not None})


@contextmanager
def opened(*, disk: Path | None, keep: bool) -> Iterator[Scene]:
    """A scene whose database is filled and whose processes run."""
    with ExitStack() as stack:
        path = stack.enter_context(scratch.folder(keep=keep))
        database = stack.enter_context(scratch.database(keep=False))
        jotform = stack.enter_context(JotformStandIn())
        telegram, mail = stack.enter_context(Telegram()), stack.enter_context(MailServer())
        scene = Scene(path, disk, database, jotform, telegram, mail)
        stack.callback(scene.end)
        stack.enter_context(_films_in(scene.media))
        scratch.fill(scene.variables, scene.log)
        scene.start()
        yield scene
