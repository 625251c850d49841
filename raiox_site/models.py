from django.db import models


class Heartbeat(models.Model):
    """When a background job last proved that tasks are executed."""

    name = models.CharField(max_length=50, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
