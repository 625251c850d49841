"""Takes the `run:` blocks out of workflow files: run_blocks.py FOLDER FILE…

GitHub puts `${{ … }}` in before the shell sees it; here a word stands for it. A block with one is
refused: what somebody else chose (a branch's name) would become part of a command.
"""

import sys
from pathlib import Path

import yaml


def blocks(file: Path) -> dict[str, str]:
    """The commands of a workflow, by job and number of the step."""
    jobs = yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"]
    return {
        f"{file.stem}-{job}-{number}": step["run"]
        for job, content in jobs.items()
        for number, step in enumerate(content.get("steps", []))
        if "run" in step
    }


def main(folder: str, *files: str) -> int:
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    wrong = 0
    for file in map(Path, files):
        for name, commands in blocks(file).items():
            if "${{" in commands:
                sys.stdout.write(f"FAIL {name}: an expression inside a command, use env\n")
                wrong += 1
            (target / f"{name}.sh").write_text(commands, encoding="utf-8")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
