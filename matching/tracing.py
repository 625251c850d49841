"""A tower of convolutions in half the time: traced, frozen and laid out for this processor."""

import sys
import warnings
from typing import Any

# Single precision; another order of the sums.
SAME = 1e-4
PICTURES = 4


def traced(net: Any, *, size: int) -> Any:
    """The tower `net` (n, 3, size, size) → (n, 512) as torch runs it fastest on one core; `net`
    itself where this torch cannot do it, or where something else would come out."""
    import torch

    # torch says that tracing may break there.
    if sys.version_info >= (3, 14):
        return net
    random = torch.Generator().manual_seed(0)
    example, other = (torch.randn(n, 3, size, size, generator=random) for n in (PICTURES, 1))
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            frozen = torch.jit.freeze(torch.jit.trace(net, example, check_trace=False))
            quick = torch.jit.optimize_for_inference(frozen)
            is_same = all(
                torch.allclose(quick(seen), net(seen), atol=SAME) for seen in (example, other)
            )
        except (AttributeError, RuntimeError):
            return net
    return quick if is_same else net
