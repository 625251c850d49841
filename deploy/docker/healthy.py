"""Whether this container does its work: healthy.py web|worker. Only the standard library.

web: /healthcheck answers, the database behind it. worker: a task went all the way a short time
ago (the cluster gives itself one every 15 seconds, raiox_site/pulse.py).
"""

import http.client
import os
import sys
import time
from pathlib import Path

ANSWER_S = 8
# A task may take a minute, and the watcher needs two to replace a cluster that hangs.
SILENCE_S = 300


def web_problem() -> str:
    port = int(os.environ.get("PORT") or 8000)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/healthcheck")
        response = connection.getresponse()
        said = response.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {error}"
    finally:
        connection.close()
    sys.stdout.write(said + "\n")
    return "" if response.status == 200 else f"status {response.status}"


def worker_problem() -> str:
    marks = Path(os.environ.get("RAIOX_VAR_DIR") or "var", "run").glob("*.pulse/tasks")
    newest = max((mark.stat().st_mtime for mark in marks), default=0.0)
    silence = time.time() - newest
    return "" if silence < SILENCE_S else f"no task was finished for {silence:.0f} s"


if __name__ == "__main__":
    problem = worker_problem() if sys.argv[1:] == ["worker"] else web_problem()
    if problem:
        sys.exit(f"unhealthy: {problem}")
