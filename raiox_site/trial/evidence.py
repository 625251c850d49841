"""What a trial knows by itself, to compare with what is in the database and at Jotform."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from raiox_site.trial.desk import Desk
from raiox_site.trial.plan import Plan
from raiox_site.trial.reviewer import Reviewer
from raiox_site.trial.senders import Senders


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

    def take_in(self, plan: Plan, senders: Senders, reviewers: Iterable[Reviewer]) -> None:
        """What was sent, what came of it, and what was decided."""
        self.sent = {delivery.number for delivery in plan.deliveries}
        self.accepted, self.answers = senders.accepted, senders.answers
        for one in reviewers:
            self.decisions += one.answers
