from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from implants.models import ReferenceImage
from matching import indexing, switching
from matching.encoder import ClipEncoder, EncoderError, get_encoder, is_current, make_encoder
from matching.models import Embedding


class Command(BaseCommand):
    help = (
        "Give every reference a vector of the encoder in use, or of another one (--encoder), "
        "beside those of other encoders: nothing is searched differently while it runs. "
        "--forget-others then removes what the encoder in use does not need."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--encoder", metavar="NAME", help="another than the one in use")
        parser.add_argument("--all", action="store_true", help="also those that have one")
        parser.add_argument(
            "--forget-others",
            "--prune",
            action="store_true",
            help="remove other encoders' vectors, once every readable reference has one of this",
        )
        parser.add_argument("--quiet", action="store_true", help="no progress bar")

    def handle(self, *args: Any, encoder: str | None, forget_others: bool, **options: Any) -> None:
        used = get_encoder()
        if encoder and encoder != used.name:
            if forget_others:
                raise CommandError("Nothing done: the vectors in use are never forgotten.")
            used = make_encoder(encoder)
        try:
            used.load()
        except EncoderError as error:
            raise CommandError(str(error)) from error
        self._fill(used, is_all=options["all"], is_quiet=options["quiet"])
        if forget_others:
            self._forget_others(used.id)
        for held, count in sorted(_held().items()):
            self.stdout.write(f"{count} vectors of {held}{' (in use)' if is_current(held) else ''}")

    def _fill(self, encoder: ClipEncoder, *, is_all: bool, is_quiet: bool) -> None:
        due = ReferenceImage.objects.all() if is_all else indexing.without_vector(encoder.id)
        outcomes = list(
            tqdm(
                indexing.index_references(
                    due.order_by(indexing.scattered()).iterator(chunk_size=200), encoder=encoder
                ),
                total=due.count(),
                unit="film",
                desc="embedding",
                disable=is_quiet or None,
            )
        )
        failed = [outcome for outcome in outcomes if outcome.error]
        self.stdout.write(
            f"{encoder.id}: {len(outcomes) - len(failed)} embedded, {len(failed)} failed"
        )
        for outcome in failed:
            self.stdout.write(f"  {outcome.reference}: {outcome.error}")

    def _forget_others(self, encoder: str) -> None:
        if switching.is_recent():
            raise CommandError(
                "Nothing forgotten: the encoder was switched a moment ago, and a process may"
                " still use the one before. Try again in some minutes."
            )
        # A film that cannot be read is not searched with the old vectors either.
        if missing := indexing.without_vector(encoder).filter(error="").count():
            raise CommandError(
                f"Nothing forgotten: {missing} references have no vector of this encoder."
            )
        removed, _ = Embedding.objects.exclude(encoder=encoder).delete()
        self.stdout.write(f"{removed} vectors of other encoders removed")


def _held() -> Counter[str]:
    return Counter(Embedding.objects.order_by().values_list("encoder", flat=True))
