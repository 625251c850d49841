"""What compose.yaml must have and no schema asks for: compose_rules.py FILE."""

import sys
from pathlib import Path
from typing import Any

import yaml

ONCE = {"migrate"}
WRITES = {"db"}
# SIGTERM lets the cluster finish what it has fetched: task timeout * (queue_limit / workers + 1).
GRACE = {"worker": 120, "web": 20, "db": 60}


def seconds(text: str) -> int:
    return int(text.rstrip("s"))


def problems(name: str, service: dict[str, Any]) -> list[str]:
    found = {
        "restart": service.get("restart") == ("no" if name in ONCE else "always"),
        "init": service.get("init") is True,
        "a healthcheck, here or in the image": name in ("web", *ONCE)
        or bool(service.get("healthcheck", {}).get("test")),
        "a memory limit": "memory" in service["deploy"]["resources"]["limits"],
        "read_only": name in WRITES or service.get("read_only") is True,
        "no-new-privileges": "no-new-privileges:true" in service.get("security_opt", []),
        "cap_drop ALL": name in WRITES or service.get("cap_drop") == ["ALL"],
        "limited logs": service["logging"]["options"].get("max-size") is not None,
        "an image with a version": ":" in service["image"]
        and not service["image"].endswith(":latest"),
        "ports only at nginx": name == "nginx" or "ports" not in service,
        "no privileges": not service.get("privileged"),
        "time to end": seconds(service.get("stop_grace_period", "10s")) >= GRACE.get(name, 0),
    }
    return [rule for rule, is_kept in found.items() if not is_kept]


def main(path: str) -> int:
    content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    services = content["services"]
    wrong = {name: problems(name, service) for name, service in services.items()}
    for name, rules in wrong.items():
        if rules:
            sys.stdout.write(f"FAIL compose.yaml: {name} has not: {', '.join(rules)}\n")
    if not int(services["db"]["shm_size"].rstrip("m")) >= 256:
        sys.stdout.write("FAIL compose.yaml: db has too little shared memory\n")
        return 1
    if not any(wrong.values()):
        names = ", ".join(services)
        sys.stdout.write(f"ok compose.yaml: limits, health, time to end and rights of {names}\n")
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
