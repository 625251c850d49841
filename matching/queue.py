"""The one door to the task queue: a task gets ids, never objects or personal data."""

from django_q.tasks import async_task


def enqueue(task: str, *ids: int | str) -> None:
    """Put `task` (dotted path) on the queue.

    Call it inside the transaction that writes the row: with the ORM broker on the same
    database a rollback then leaves no task, and a crash after the commit loses none.
    """
    async_task(task, *ids)
