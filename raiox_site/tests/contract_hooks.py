"""Hooks of schemathesis: most of the numbers it makes up become those of cases that exist."""

import os
from typing import Any

import schemathesis

CASES = int(os.environ["RAIOX_CONTRACT_CASES"])


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: Any) -> Any:
    return {name: _known(value) for name, value in (path_parameters or {}).items()}


def _known(value: Any) -> Any:
    is_number = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return 1 + value % CASES if is_number and value % 5 else value
