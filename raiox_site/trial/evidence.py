"""What a trial knows by itself, to compare with what is in the database and at Jotform."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from raiox_site.trial.desk import Desk


@dataclass
class Evidence:
    """`submissions` all that there are, `sent` the numbers of all deliveries and `accepted` of
    those that were answered with 200, `answers` the HTTP statuses that they got; `setbacks`
    how often something was killed or failed on purpose; `at_rest` whether everything came to
    rest in time, and `unrest` what did not."""

    desk: Desk
    submissions: Sequence[str]
    sent: set[int] = field(default_factory=set)
    accepted: set[int] = field(default_factory=set)
    answers: Counter[int] = field(default_factory=Counter)
    decisions: Counter[int] = field(default_factory=Counter)
    setbacks: int = 0
    with_key: bool = True
    unrest: list[str] = field(default_factory=list)
