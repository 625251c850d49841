"""Compares the pinned packages with the published list of known holes (pip-audit).

Usage: known_holes.py FILE… (requirements files in which every package is pinned). Exit code 1 for
a known hole. Where the list cannot be reached, that is said in one line; RAIOX_AUDIT=required
makes it a failure as well.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

OPTIONS = ("--format", "json", "--progress-spinner", "off", "--disable-pip", "--no-deps")
LONGEST_SECONDS = 600


def ask(files: Sequence[str]) -> list[dict[str, Any]]:
    """What pip-audit says of each package; nothing when it cannot say anything."""
    named = [word for file in files for word in ("-r", file)]
    try:
        result = subprocess.run(
            [sys.executable, "-m", "pip_audit", *OPTIONS, *named],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=LONGEST_SECONDS,
            check=False,
        )
        return list(json.loads(result.stdout)["dependencies"])
    except (ValueError, KeyError, TypeError, subprocess.TimeoutExpired):
        return []


def judge(packages: Sequence[dict[str, Any]], *, is_required: bool) -> tuple[int, list[str]]:
    """The exit code and the lines to say."""
    holes = [
        f"{package['name']} {package['version']}: {hole['id']}, "
        f"mended in {', '.join(hole['fix_versions']) or 'no version yet'}"
        for package in packages
        for hole in package.get("vulns", ())
    ]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if holes:
        return 1, holes
    if not packages or unknown:
        how_many = f"{len(unknown)} packages" if unknown else "the packages"
        return int(is_required), [
            f"The list of known holes cannot be reached from here: {how_many} were not compared."
        ]
    return 0, [f"{len(packages)} packages, no known hole."]


def main() -> int:
    code, lines = judge(ask(sys.argv[1:]), is_required=os.environ.get("RAIOX_AUDIT") == "required")
    sys.stdout.write("\n".join(lines) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
