"""The web process of `make run`. One process with threads: the encoder is loaded once."""

import os

import gunicorn

bind = f"{os.environ.get('HOST') or '127.0.0.1'}:{os.environ.get('PORT') or '8000'}"
worker_class = "raiox_site.web_worker.BoundedWorker"
workers = int(os.environ.get("RAIOX_WEB_PROCESSES") or 1)
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
