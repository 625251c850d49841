"""What the child process that prepares networks and those that run them agree on."""

from enum import StrEnum

# Of the one tensor that goes into a network, and the one that comes out.
INPUT, OUTPUT = "pictures", "answer"
NETWORK, ABOUT = "network.onnx", "about.json"


class Runtime(StrEnum):
    """RAIOX_RUNTIME. `auto` measures once which of `float32` and `int8` is quicker here, and
    takes int8 only where it answers the same; `torch` exports nothing."""

    AUTO = "auto"
    FLOAT32 = "float32"
    INT8 = "int8"
    TORCH = "torch"
