"""The web process of `make run`. One process with threads: the encoder is loaded once."""

import os

bind = f"{os.environ.get('HOST') or '127.0.0.1'}:{os.environ.get('PORT') or '8000'}"
worker_class = "gthread"
workers = int(os.environ.get("RAIOX_WEB_PROCESSES") or 1)
threads = 8
timeout = 60
graceful_timeout = 20
# The control socket would write to the home directory, which need not exist.
control_socket_disable = True
# Heartbeats on a slow disk make a healthy worker look dead.
if os.access("/dev/shm", os.W_OK):
    worker_tmp_dir = "/dev/shm"
