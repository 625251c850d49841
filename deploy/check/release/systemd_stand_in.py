"""Does for our units what systemd would, where systemd is not the first process.

    systemd_stand_in.py serve CONTROL USER OLD=NEW…   holds the socket and the services
    systemd_stand_in.py CONTROL systemctl-arguments…

Reads deploy/systemd/raiox-*.{service,socket} of the checkout: commands, folder, environment, the
address of the socket and the times to end. Knows Type=notify, sockets that stay open across
restarts, KillMode=mixed and Restart=always; knows nothing of limits and hardening. Each
OLD=NEW replaces a path or an address in them (/opt/raiox=/tmp/…/opt).
"""

import contextlib
import os
import pwd
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

UNITS = Path("deploy/systemd")
NAMES = ("raiox-web", "raiox-worker")
REPLACED: dict[str, str] = {}


def parsed(file: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (UNITS / file).read_text(encoding="utf-8").splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            for old, new in REPLACED.items():
                value = value.replace(old, new)
            found.setdefault(key, []).append(value)
    return found


class Service:
    def __init__(self, name: str, user: str, listening: socket.socket | None) -> None:
        self.unit = parsed(f"{name}.service")
        self.user, self.listening = user, listening
        self.child: subprocess.Popen[bytes] | None = None
        self.wanted, self.restarts = False, 0
        self.lock = threading.RLock()
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.place = str(Path(tempfile.mkdtemp(prefix="notify-"), "socket"))
        self.notices.bind(self.place)
        os.chmod(self.place, 0o777)  # noqa: S103, PTH101 # nosec B103 # the service is another user
        os.chmod(Path(self.place).parent, 0o711)  # noqa: S103, PTH101 # nosec B103

    def environment(self) -> dict[str, str]:
        words = " ".join(self.unit.get("Environment", [])).split()
        given = dict(word.split("=", 1) for word in words)
        return {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": self.place, **given}

    def launch(self) -> None:
        # What its predecessor said is not said by this one.
        self.notices.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.notices.recv(4096)
        group = pwd.getpwnam(self.user).pw_gid
        drop = [f"--reuid={self.user}", f"--regid={group}", "--clear-groups"]
        command = ["setpriv", *drop, "sh", "-c"]
        script = 'cd "$1" && shift && LISTEN_PID=$$ exec "$@"'
        arguments = [script, "sh", self.unit["WorkingDirectory"][0]]
        arguments += self.unit["ExecStart"][0].split()
        environment, passed = self.environment(), []
        if self.listening:
            environment["LISTEN_FDS"] = "1"
            passed = [self.listening.fileno()]
        self.child = subprocess.Popen(
            [*command, *arguments],
            env=environment,
            pass_fds=passed,
            start_new_session=True,
            stdout=sys.stderr,
        )

    def is_ready(self, seconds: float) -> bool:
        """Whether it says READY=1 in time, and lives."""
        deadline = time.monotonic() + seconds
        self.notices.settimeout(0.2)
        while time.monotonic() < deadline and self.child and self.child.poll() is None:
            with contextlib.suppress(TimeoutError):
                if b"READY=1" in self.notices.recv(4096):
                    return True
        return False

    def start(self) -> bool:
        with self.lock:
            self.wanted = True
            if self.child is None or self.child.poll() is not None:
                self.launch()
                return self.is_ready(float(self.unit["TimeoutStartSec"][0]))
            return True

    def stop(self) -> None:
        with self.lock:
            self.wanted = False
            if self.child is None:
                return
            self.child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(float(self.unit["TimeoutStopSec"][0]))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()
            self.child = None

    def keep(self) -> None:
        """Restart=always, for ever."""
        while True:
            time.sleep(1)
            with self.lock:
                if self.wanted and self.child is not None and self.child.poll() is not None:
                    self.restarts += 1
                    self.launch()


def act(services: dict[str, Service], words: list[str]) -> str:
    """What systemctl would print, after a status."""
    action, *rest = words
    named = [word.removesuffix(".service") for word in rest if not word.startswith("-")]
    known = [services[name] for name in named if name in services]
    # The service needs its socket: systemd would stop it too.
    if action == "stop" and "raiox-web.socket" in named and "raiox-web" not in named:
        services["raiox-web"].stop()
    match action:
        case "is-enabled":
            return "0" if all(one in services or one.endswith(".socket") for one in named) else "1"
        case "is-active":
            return "0" if all(one.child and one.child.poll() is None for one in known) else "3"
        case "show":
            return f"0 {known[0].restarts}"
        case "restart" | "start" | "stop":
            if action != "start":
                for one in known:
                    one.stop()
            # All of them are started, also after one that is not ready.
            ready = [one.start() for one in known if action != "stop"]
            return "0" if all(ready) else "1"
    return "0"


def serve(control: str, user: str) -> None:
    address = parsed("raiox-web.socket")["ListenStream"][0].rsplit(":", 1)
    listening = socket.create_server((address[0], int(address[1])), backlog=512)
    # The first descriptor that systemd hands over is the third.
    if listening.fileno() != 3:
        os.dup2(listening.fileno(), 3, inheritable=True)
        listening = socket.socket(fileno=3)
    services = {
        name: Service(name, user, listening if name == "raiox-web" else None) for name in NAMES
    }

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(act(services, self.rfile.readline().decode().split()).encode())

    for service in services.values():
        threading.Thread(target=service.keep, daemon=True).start()
    server = socketserver.ThreadingUnixStreamServer(control, Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    for service in services.values():
        service.stop()


def ask(control: str, *words: str) -> int:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(control)
        client.sendall((" ".join(words) + "\n").encode())
        status, _space, said = client.makefile().read().partition(" ")
    if said:
        sys.stdout.write(said + "\n")
    return int(status)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        REPLACED.update(word.split("=", 1) for word in sys.argv[4:])
        serve(sys.argv[2], sys.argv[3])
    else:
        sys.exit(ask(*sys.argv[1:]))
