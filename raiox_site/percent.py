import math


def whole(share: float) -> int:
    """A share of 0…100 as it is shown, wherever it stands: the half upwards."""
    return math.floor(share + 0.5)
