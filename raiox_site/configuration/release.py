"""Which release of the code this is."""

from pathlib import Path

from raiox_site.environment import Environment


def version(env: Environment, number: str, *, base: Path) -> str:
    """`number`, and after a `+` the name that deploy/release.sh left in RELEASE beside the code.

    Not out of the environment: a process that runs old code must not give itself out as new.
    """
    try:
        name = (base / "RELEASE").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return number
    except (OSError, ValueError) as error:
        env.refuse(f"the file RELEASE cannot be read: {type(error).__name__}")
        return number
    return f"{number}+{name}" if name else number
