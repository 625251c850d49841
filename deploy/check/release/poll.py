"""Asks /ping again and again, and says how often nobody answered: poll.py PORT LOG.

Each line of the log: Unix time, milliseconds, and what was wrong (or ok).
"""

import http.client
import sys
import time
from pathlib import Path

PAUSE_S = 0.05
# A request that waits is not one that is refused.
PATIENCE_S = 120


def ask(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", "/ping")
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()
    return "ok" if response.status == 200 else str(response.status)


def main(port: str, log: str) -> None:
    with Path(log).open("a", buffering=1) as lines:
        while True:
            began = time.time()
            said = ask(int(port))
            lines.write(f"{began:.3f} {(time.time() - began) * 1000:.0f} {said}\n")
            time.sleep(PAUSE_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
