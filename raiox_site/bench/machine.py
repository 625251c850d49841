"""What the machine is that a figure was measured on."""

import os
import platform
import sys
from pathlib import Path

import psutil
from django.db import connection

CPU_INFO = Path("/proc/cpuinfo")
GIBIBYTE = 2**30


def lines() -> list[str]:
    """Needs the database."""
    python = sys.version.split()[0]
    return [*hardware(), f"Python {python}, PostgreSQL {_postgres()}"]


def hardware() -> list[str]:
    memory = psutil.virtual_memory().total / GIBIBYTE
    return [f"{cores()} cores, {cpu()}, {memory:.0f} GB, load {os.getloadavg()[0]:.1f}"]


def cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu() -> str:
    known = CPU_INFO.read_text().splitlines() if CPU_INFO.is_file() else []
    names = [line.partition(":")[2].strip() for line in known if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _postgres() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return str(cursor.fetchone()[0]).split()[0]
