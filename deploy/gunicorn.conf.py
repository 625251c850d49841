"""The web processes: with threads, which share the encoder of their process."""

import os
import sys
from pathlib import Path
from typing import Any

import gunicorn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
# Found whichever folder gunicorn was started in.
from raiox_site import log_lines, metric_files
from raiox_site.configuration import processors

# A process that is replaced between the switch to a new release and the restart must load the
# code of the old one: the folder itself, not the link to the current one.
chdir = str(Path.cwd())
if os.environ.pop("RAIOX_LISTENING", ""):
    # systemd opened the socket for raiox_site.web_service, which passed it on.
    os.environ["LISTEN_PID"] = str(os.getpid())
bind = f"{os.environ.get('HOST') or '127.0.0.1'}:{os.environ.get('PORT') or '8000'}"
worker_class = "raiox_site.web_worker.BoundedWorker"
workers = int(os.environ.get("RAIOX_WEB_PROCESSES") or processors.web_processes())
# Waiting for slow clients costs a thread each; the service as a whole keeps some 50 database
# connections at most, half of what PostgreSQL has by default.
threads = max(8, min(24, 48 // workers))
timeout = 60
graceful_timeout = 20
# What we run is nobody's business.
gunicorn.SERVER = "raiox"
# X-Forwarded-For and X-Forwarded-Proto are read by Django alone, as RAIOX_PROXY_COUNT says.
secure_scheme_headers = {}
# The control socket would write to the home directory, which need not exist.
control_socket_disable = True
# Heartbeats on a slow disk make a healthy worker look dead; gunicorn makes the name itself.
memory = "/dev/shm"  # nosec B108 # a folder, in which mkstemp chooses the name
if os.access(memory, os.W_OK):
    worker_tmp_dir = memory
# Where the processes count: told before any of them loads the application.
metrics_dir = metric_files.announce("web")
# Lines of this first process; the others write as Django's settings say.
logconfig_dict = log_lines.of_first_process(os.environ.get("RAIOX_LOG_FORMAT", "text"))
# Should somebody want gunicorn's own: no parameters and no address of the client.
access_log_format = "%(m)s %(U)s -> %(s)s"


def on_starting(server: Any) -> None:
    if metrics_dir:
        metric_files.wipe(metrics_dir)


def child_exit(server: Any, worker: Any) -> None:
    if metrics_dir:
        metric_files.fold(metrics_dir, living=set(server.WORKERS) - {worker.pid})


def on_exit(server: Any) -> None:
    if metrics_dir:
        metric_files.remove(metrics_dir)
