"""The operator's pages name commands, options, units, settings, files and sections: they exist."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands, load_command_class

ROOT: Path = settings.BASE_DIR
DEPLOY = ROOT / "deploy"
PAGES = ("deploy/README.md", "deploy/GUIA.md", "deploy/secrets/sources.md", "deploy/SECURITY.md")
# Words that stand for what the operator fills in.
PLACEHOLDERS = {"NAME", "NOME", "FORM", "FILE", "DUMP", "NEW", "HOST"}


def code_of(page: str) -> list[str]:
    """Commands: the lines of its blocks without their comments, and what stands in backticks."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.M | re.S)
    lines = [re.sub(r"(^|\s)#.*", "", line) for block in blocks for line in block.splitlines()]
    rest = re.sub(r"^```.*?^```", "", page, flags=re.M | re.S)
    return [*filter(str.strip, lines), *(one.strip() for one in re.findall(r"`([^`]+)`", rest))]


def scripts_called(page: str) -> Iterator[tuple[Path, list[str]]]:
    """Our scripts with the words after them, as far as these belong to them."""
    pattern = (
        r"(?<![\w-])((?:/opt/raiox/current/)?(?:deploy/[\w./-]+|rotate)\.sh)\b((?: [^|;&<>()]*)?)"
    )
    for code in code_of(page):
        for name, words in re.findall(pattern, code):
            place = "deploy/secrets/rotate.sh" if name == "rotate.sh" else name
            yield ROOT / place.removeprefix("/opt/raiox/current/"), words.split()


@cache
def text_of(script: Path) -> str:
    """The script and the parts of it that lie in a folder of its name."""
    parts = sorted(script.with_suffix("").glob("*.sh")) if script.with_suffix("").is_dir() else []
    return "\n".join(one.read_text() for one in [script, *parts])


def wrong_scripts(page: str) -> Iterator[str]:
    for script, words in scripts_called(page):
        if not script.is_file():
            yield f"there is no {script.name}"
            continue
        if "manage" in words:
            yield from wrong_manage(words[words.index("manage") + 1 :])
            words = words[: words.index("manage")]
        text = text_of(script)
        for word in filter(None, (judged(script, words, word) for word in words)):
            if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text):
                yield f"{script.name} knows no {word}"


def judged(script: Path, words: list[str], word: str) -> str:
    """The word, where it is an option, an action or the name of a secret."""
    is_action = re.fullmatch(r"[a-z]+", word) and word == words[0]
    is_name = re.fullmatch(r"[A-Z][A-Z0-9_]+", word) and script.name == "rotate.sh"
    is_one = word.startswith("--") or is_action or (is_name and word not in PLACEHOLDERS)
    return word if is_one else ""


def wrong_manage(words: list[str]) -> Iterator[str]:
    """`words`: a command of manage.py and its options."""
    name = words[0] if words else ""
    if name in ("…", "help", ""):
        return
    if name not in get_commands():
        yield f"manage.py has no {name}"
        return
    app = get_commands()[name]
    command = load_command_class(app, name) if isinstance(app, str) else app
    known = set(command.create_parser("manage.py", name)._option_string_actions)
    for word in words[1:]:
        if word.startswith("--") and word not in known:
            yield f"manage.py {name} has no {word}"


def wrong_settings(page: str) -> Iterator[str]:
    example = (ROOT / ".env.example").read_text()
    known = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", example, re.M))
    told = "\n".join(one.read_text() for one in DEPLOY.rglob("*.sh")) + "AUDIT=RAIOX_AUDIT"
    for name in set(re.findall(r"\b(?:RAIOX|JOTFORM|DO_SPACES|DB)_[A-Z_]*[A-Z]\b", page)):
        plain = name.removesuffix("_FILE")
        if not {name, plain} & known and not re.search(rf"\b{name}\b", told):
            yield f"{name} is no setting"


def wrong_units(page: str) -> Iterator[str]:
    units = {one.name for one in (DEPLOY / "systemd").iterdir()}
    units |= set(re.findall(r"raiox-first-install\.\w+", cloud_init()))
    for name in set(
        re.findall(
            r"(?<![\w/.])(raiox-(?!images|backups|terraform|fixture)[a-z-]+[a-z](?:\.\w+)?)", page
        )
    ):
        is_known = name in units or any(one.startswith(f"{name}.") for one in units)
        if not is_known and name != "raiox-metrics-token":
            yield f"there is no unit {name}"


def cloud_init() -> str:
    return (DEPLOY / "terraform" / "cloud-init.yaml.tftpl").read_text()


def anchors(page: str) -> set[str]:
    """As GitHub makes them of headings."""
    plain = re.sub(r"^```.*?^```", "", page, flags=re.M | re.S)
    titles = re.findall(r"^#+ (.+)$", plain, re.M)
    return {re.sub(r"[^\w -]", "", one.lower()).strip().replace(" ", "-") for one in titles}


def wrong_links(page: str, folder: Path) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", page):
        path, _, anchor = target.partition("#")
        if path.startswith("http"):
            continue
        text = page if not path else ""
        if path:
            if not (folder / path).exists():
                yield f"there is no {path}"
                continue
            text = (folder / path).read_text() if path.endswith(".md") else ""
        if anchor and anchor not in anchors(text):
            yield f"there is no section #{anchor}"


def wrong_files(page: str) -> Iterator[str]:
    for code in code_of(page):
        for name in re.findall(r"(?<![\w/.-])((?:deploy|raiox_site|\.github)/[\w./-]+)", code):
            if not (ROOT / name.rstrip("./")).exists():
                yield f"there is no {name}"


def problems(page: str, folder: Path = DEPLOY) -> list[str]:
    found = [
        *wrong_scripts(page),
        *wrong_settings(page),
        *wrong_units(page),
        *wrong_links(page, folder),
        *wrong_files(page),
    ]
    return sorted(set(found))


@pytest.mark.parametrize("name", PAGES)
def test_everything_that_a_page_names_exists(name: str) -> None:
    file = ROOT / name
    assert problems(file.read_text(), file.parent) == []


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("`deploy/bakcup.sh`", "there is no bakcup.sh"),
        ("```sh\ndeploy/backup.sh --lists  # all\n```", "backup.sh knows no --lists"),
        ("`deploy/release.sh rolback`", "release.sh knows no rolback"),
        ("`rotate.sh SECRET_KEYS`", "rotate.sh knows no SECRET_KEYS"),
        ("`deploy/up.sh manage jotform_sink`", "manage.py has no jotform_sink"),
        ("`deploy/up.sh manage jotform_sync --day 2`", "manage.py jotform_sync has no --day"),
        ("RAIOX_UNDO_SECOND", "RAIOX_UNDO_SECOND is no setting"),
        ("`systemctl restart raiox-wrker`", "there is no unit raiox-wrker"),
        ("[x](#nowhere)", "there is no section #nowhere"),
        ("[x](GUIDE.md)", "there is no GUIDE.md"),
        ("`deploy/monitoring/prometheus.yaml`", "there is no deploy/monitoring/prometheus.yaml"),
    ],
)
def test_a_slip_is_found(page: str, said: str) -> None:
    assert said in problems(page)


def test_every_alert_has_its_section_and_every_section_its_alert() -> None:
    rules = yaml.safe_load((DEPLOY / "monitoring" / "rules" / "alerts.yml").read_text())
    alerts = {one["alert"]: one["annotations"]["runbook"] for one in rules["groups"][0]["rules"]}
    page = (DEPLOY / "README.md").read_text()
    for runbook in alerts.values():
        place, _, anchor = runbook.partition("#")
        assert (place, anchor) == ("deploy/README.md", anchor)
        assert anchor in anchors(page), anchor
    assert set(re.findall(r"^### (Raiox\w+)$", page, re.M)) == set(alerts)


def test_every_secret_can_be_rotated_by_a_named_command() -> None:
    from raiox_site.tests.test_settings import SECRETS

    part = (DEPLOY / "README.md").read_text().partition("## Rotate a secret")[2]
    part = part.partition("\n## ")[0]
    kept_by_finish = {"SECRET_KEY_FALLBACKS", "RAIOX_JWT_KEY_OLD", "RAIOX_WEBHOOK_TOKEN_OLD"}
    assert [
        name for name in SECRETS if f"`{name}`" not in part and name not in kept_by_finish
    ] == []
