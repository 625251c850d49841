"""What a fine-tuned checkpoint says of itself: it was judged when it was made."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SUFFIX = ".safetensors"
# Where `matching.training.network.save` writes it.
KEY = "raiox"


def about(checkpoint: Path | None) -> Mapping[str, Any]:
    """What was written into the checkpoint; empty where nothing was."""
    from safetensors import safe_open

    if checkpoint is None or checkpoint.suffix != SUFFIX or not checkpoint.is_file():
        return {}
    with safe_open(checkpoint, framework="np") as file:
        found = json.loads((file.metadata() or {}).get(KEY, "{}"))
    return found if isinstance(found, dict) else {}


def is_worse(checkpoint: Path | None) -> bool:
    """Whether it was tuned, and did worse than before on the part that was held out."""
    return bool(about(checkpoint).get("is_worse"))
