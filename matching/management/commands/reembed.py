from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from implants.models import ReferenceImage
from matching import indexing
from matching.encoder import EncoderError, get_encoder
from matching.models import Embedding


class Command(BaseCommand):
    help = (
        "Give every reference a vector of the configured encoder, beside those of other "
        "encoders; --prune then removes the others."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="also those that have one")
        parser.add_argument("--prune", action="store_true", help="remove other encoders' vectors")
        parser.add_argument("--quiet", action="store_true", help="no progress bar")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            encoder = get_encoder().id
        except EncoderError as error:
            raise CommandError(str(error)) from error
        due = ReferenceImage.objects.all() if options["all"] else indexing.without_vector(encoder)
        outcomes = list(
            tqdm(
                indexing.index_references(due.iterator(chunk_size=200)),
                total=due.count(),
                unit="film",
                desc="embedding",
                disable=options["quiet"] or None,
            )
        )
        failed = [outcome for outcome in outcomes if outcome.error]
        self.stdout.write(
            f"{encoder}: {len(outcomes) - len(failed)} embedded, {len(failed)} failed"
        )
        for outcome in failed:
            self.stdout.write(f"  {outcome.reference}: {outcome.error}")
        if options["prune"]:
            # A film that cannot be read is not searched with the old vectors either.
            if indexing.without_vector(encoder).filter(error="").exists():
                raise CommandError("Not pruned: some references have no vector of this encoder.")
            removed, _ = Embedding.objects.exclude(encoder=encoder).delete()
            self.stdout.write(f"{removed} vectors of other encoders removed")
