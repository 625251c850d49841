"""The two announcements of this layer. Both are sent inside the transaction that changes
the case; receivers write their own rows there and do outside work in a task.

- `case_matched`: sender `Case`, `case`. The candidates are on the case, it awaits review.
- `case_decided`: sender `Case`, `case`. A reviewer approved or rejected it.
"""

from django.dispatch import Signal

case_matched = Signal()
case_decided = Signal()
