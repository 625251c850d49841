"""An application that keeps every request but probes until a file is there."""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import django

# Where the settings are named the refusals of the web server are in our words.
if "DJANGO_SETTINGS_MODULE" in os.environ:
    django.setup()


def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    while environ["PATH_INFO"] != "/ping" and not Path(os.environ["RELEASED"]).exists():
        time.sleep(0.02)
    start("200 OK", [("Content-Length", "4")])
    return [b"pong"]
