#!/usr/bin/env python3
"""The commands of deploy/README.md and deploy/GUIA.md, run one by one on a running installation as
they stand there (only names are filled in). What needs systemd, Docker, an account elsewhere or a
second host is named with the part that tries it, or as not run.
"""

import os
import re
import sys
from pathlib import Path

DEPLOY = Path(__file__).parents[1]
sys.path[:0] = [str(DEPLOY.parent), str(Path(__file__).with_name("place"))]
import trial as shared  # noqa: E402 # its place is said above
from trial import FORM, Trial, check, say  # noqa: E402

# The beginning of a command, and why it is not run here.
ELSEWHERE = {
    "deploy/install.sh": "tried by 25-install",
    "deploy/release.sh": "tried by 35-release",
    "deploy/monitoring": "tried by 50-alerts",
    "promtool": "tried by 50-alerts",
    "apt-get install prometheus": "tried by 50-alerts",
    "cp deploy/monitoring": "tried by 50-alerts",
    "install -m 640 -g prometheus": "tried by 50-alerts",
    "terraform": "tried by 80-terraform",
    "cd deploy/terraform": "tried by 80-terraform",
    "cp environments": "tried by 80-terraform",
    "RAIOX_MIGRATE": "tried by 35-release",
    "systemctl": "systemd is not the first process here",
    "journalctl": "systemd is not the first process here",
    "docker": "there is no Docker engine here",
    "doctl": "needs an account of DigitalOcean",
    "export": "needs an account of DigitalOcean",
    "git archive": "needs a second host",
    "rsync": "needs a second host",
    "runuser -u postgres": "needs a second host",
    "echo 'hostssl": "needs a second host",
    "ufw allow": "needs a second host",
    "sed -i '/PIP_EXTRA": "needs a GPU",
    "mkdir -p /etc/systemd": "needs a GPU",
    "printf '%s": "needs a GPU",
    "deploy/up.sh manage try_device": "needs a GPU",
    "ssh": "needs a second host",
    "certbot": "needs a public name",
    "curl -sI https://nyc3": "needs the internet",
    "openssl s_client": "needs a public name",
    "editor": "for a person",
    "pg_lsclusters": "Debian's own clusters only",
    "ls -dt /opt/raiox": "there is no release here: tried by 35-release",
    "tail -50": "Debian's own clusters, and releases, only",
    "tail -n 1000 /var/log/nginx": "tried by 20-web",
    "deploy/up.sh manage createsuperuser": "asks a person",
    "deploy/up.sh up": "runs already",
    "deploy/backup.sh --bucket": "tried by 40-backup, which has a bucket",
    "deploy/secrets/rotate.sh": "tried by 45-secrets",
    "deploy/restore.sh --replace": "tried by 40-backup",
    "deploy/restore.sh --backup": "tried by 40-backup",
    "deploy/up.sh manage switch_encoder": "tried by test_switching.py",
}
ALONE = {"deploy/restore.sh": "tried by 40-backup", "deploy/secrets/rotate.sh list": ""}

# What a command says that rightly ends with a status of its own.
COMPLAINTS = {
    "deploy/up.sh manage check_catalogue": "problem(s) found",
    "deploy/up.sh manage erase_person --patient 'NAME'": "the nightly run goes on",
}


def commands() -> list[str]:
    """Each once, in the order of the pages."""
    readme, guide = ((DEPLOY / name).read_text() for name in ("README.md", "GUIA.md"))
    blocks = "".join(re.findall(r"^```sh\n(.*?)^```", readme, re.M | re.S))
    lines = [re.sub(r"(^|\s+)#.*", "", line).strip() for line in blocks.splitlines()]
    told = re.findall(r"`((?:deploy/|systemctl |journalctl |curl |df ).+?)`", guide)
    return list(dict.fromkeys(filter(None, [*lines, *told])))


def reason(command: str) -> str:
    found = [why for start, why in ELSEWHERE.items() if command.startswith(start)]
    return ALONE.get(command, found[0] if found else "")


def filled_in(command: str, trial: Trial) -> str:
    film = trial.folder / "film.jpg"
    film.write_bytes(trial.dentists.films[0])
    changes = {
        "http://127.0.0.1:8000": trial.place.base,
        "curl -s http": "curl -sf http",
        "jotform_form FORM": f"jotform_form {FORM}",
        "FILM.jpg": str(film),
        "/var/lib/raiox": str(trial.place.var),
        "'NAME'": "'Paciente Fictício'",
        "'NOME'": "'Paciente Fictício'",
        "--patient 'Paciente Fictício'": "--patient 'Paciente Fictício' --yes",
        "--yes --dry-run": "--dry-run",
        "deploy/up.sh logs": "RAIOX_FOLLOW=no deploy/up.sh logs",
    }
    for old, new in changes.items():
        command = command.replace(old, new)
    return command


def run(trial: Trial, command: str) -> None:
    said = trial.place.run(
        "bash", "-o", "pipefail", "-c", f"{filled_in(command, trial)}; echo status=$?", must=False
    )
    is_good = said.rstrip().endswith("status=0") or COMPLAINTS.get(command, "\0") in said
    check(command, is_good, said[-700:])


def main() -> int:
    if os.environ.get("SHORT") == "1":
        say(
            "NOT RUN the commands of the runbooks: with --short (test_runbooks.py still reads them)"
        )
        return 0
    here = [one for one in commands() if not reason(one)]
    for command in commands():
        if why := reason(command):
            say(f"   not here: {command}: {why}")
    with shared.installation() as trial:
        trial.outside.within(30, lambda: trial.reviewer.decided > 3)
        for command in here:
            run(trial, command)
        trial.dentists.over.set()
    return 1 if shared.failures else 0


if __name__ == "__main__":
    sys.exit(main())
