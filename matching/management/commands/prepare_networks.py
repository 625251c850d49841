from typing import Any

from django.core.management.base import BaseCommand, CommandError

from matching import finder
from matching.encoder import EncoderError, ready_encoder
from matching.finding import refining


class Command(BaseCommand):
    help = (
        "Make the networks that web and worker processes run, so that none of them waits for it. "
        "Without it the first process that needs one makes it."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            encoder = ready_encoder()
            for network in (finder.NETWORK, refining.NETWORK):
                network.load()
        except (EncoderError, OSError, RuntimeError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{encoder.name} is ready ({encoder.precision})")
