"""What Terraform itself does not say about deploy/terraform: names that nobody uses, and, where
Terraform is not there, names that nobody declares and attributes that no resource has.

Usage: names.py FOLDER; prints each problem on a line, and ends with 1 where there is one.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2

SCHEMA = json.loads(Path(__file__).with_name("schema.json").read_text())
# Arguments that every resource and every nested block may have.
META = {"count", "for_each", "depends_on", "lifecycle", "provider", "dynamic", "__is_block__"}
Found = dict[str, Any]


def parsed(folder: Path) -> tuple[str, list[Found]]:
    files = sorted(folder.glob("*.tf"))
    texts = [re.sub(r"(?m)^\s*#.*$", "", file.read_text()) for file in files]
    return "\n".join(texts), [hcl2.loads(text + "\n") for text in texts]


def plain(name: str) -> str:
    return name.strip('"')


def entries(trees: list[Found], kind: str) -> Iterator[tuple[str, Any]]:
    for tree in trees:
        for block in tree.get(kind, []):
            for name, value in block.items():
                if name != "__is_block__":
                    yield plain(name), value


def declared(trees: list[Found], kind: str) -> set[str]:
    return {f"{type_}.{plain(name)}" for type_, named in entries(trees, kind) for name in named}


def without_use(text: str, trees: list[Found]) -> Iterator[str]:
    for prefix, kind in (("var", "variable"), ("local", "locals")):
        for name, _value in entries(trees, kind):
            if not re.search(rf"\b{prefix}\.{name}\b", text.replace(f'variable "{name}"', "")):
                yield f"{prefix}.{name} is declared and not used"


def without_declaration(text: str, trees: list[Found]) -> Iterator[str]:
    for prefix, kind in (("var", "variable"), ("local", "locals")):
        known = {name for name, _value in entries(trees, kind)}
        for name in sorted(set(re.findall(rf"\b{prefix}\.(\w+)", text)) - known):
            yield f"{prefix}.{name} is used and not declared"
    known = declared(trees, "resource")
    for name in sorted(set(re.findall(r"(?<!data\.)\b(digitalocean_\w+\.\w+)\b", text)) - known):
        yield f"{name} is used and not declared"
    for name in sorted(set(re.findall(r"\bdata\.(\w+\.\w+)", text)) - declared(trees, "data")):
        yield f"data.{name} is used and not declared"


def wrong_arguments(where: str, block: Found, given: Any) -> Iterator[str]:
    for body in given if isinstance(given, list) else [given]:
        dynamic = {plain(name) for one in body.get("dynamic", []) for name in one}
        names = {plain(name) for name in body} - META | dynamic - {"__is_block__"}
        nested = block.get("block_types", {})
        for name in sorted(names - set(block["attributes"]) - set(nested)):
            yield f"{where} has no {name}"
        needed = {name for name, one in block["attributes"].items() if one.get("required")}
        needed |= {name for name, one in nested.items() if one.get("min_items")}
        for name in sorted(needed - names):
            yield f"{where} needs {name}"
        for name in names & set(nested) - dynamic:
            yield from wrong_arguments(f"{where}.{name}", nested[name]["block"], body[name])


def wrong_resources(trees: list[Found]) -> Iterator[str]:
    for kind, schemas in (("resource", "resource_schemas"), ("data", "data_source_schemas")):
        for type_, named in entries(trees, kind):
            for name, body in named.items():
                if type_ in SCHEMA[schemas]:
                    where, block = f"{type_}.{plain(name)}", SCHEMA[schemas][type_]["block"]
                    yield from wrong_arguments(where, block, body)
                else:
                    yield f"{type_} is not in {kind} of schema.json"


def main(folder: Path) -> int:
    text, trees = parsed(folder)
    problems = [
        *without_use(text, trees), *without_declaration(text, trees), *wrong_resources(trees)
    ]  # fmt: skip
    sys.stdout.write("".join(f"{problem}\n" for problem in problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
