from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from implants.models import ReferenceImage
from matching import demo, indexing
from matching.encoder import EncoderError, get_encoder, ready_encoder
from matching.models import Embedding
from raiox_site import demo_accounts


class Command(BaseCommand):
    help = "Create what the demo lacks: 32 implants with phantom films, and three accounts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--show", action="store_true", help="print the accounts, do nothing else"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("There is no demo in production.")
        accounts = settings.VAR_DIR / "demo-accounts.json"
        if options["show"]:
            self._show(demo_accounts.ensure(accounts))
            return
        demo_accounts.ensure(accounts)
        due = demo.missing_phantoms()
        # Loading the encoder takes seconds, and each `make run` comes by here.
        if not due and not _lacks_vectors():
            return
        try:
            encoder = ready_encoder().id
        except EncoderError as error:
            raise CommandError(str(error)) from error
        if due:
            self._progress(demo.render_references(due), len(due), "phantoms")
        if missing := indexing.without_vector(encoder).filter(error=""):
            self._progress(
                indexing.index_references(missing.iterator(chunk_size=200)),
                missing.count(),
                "embedding",
            )

    def _progress(self, outcomes: Any, total: int, what: str) -> None:
        for _outcome in tqdm(outcomes, total=total, unit="film", desc=what):
            pass

    def _show(self, passwords: dict[str, str]) -> None:
        for username, password in passwords.items():
            role = demo_accounts.ROLES.get(username, "")
            self.stdout.write(f"  {username:<10} {password}   ({role})")


def _lacks_vectors() -> bool:
    """Whether a reference has no vector of the configured encoder, whatever the digest of its
    weights: that is known only once they are loaded."""
    prefix, suffix = get_encoder().id_without_digest
    vectors = Embedding.objects.filter(encoder__startswith=prefix, encoder__endswith=suffix)
    references = ReferenceImage.objects.filter(error="")
    return references.exclude(pk__in=vectors.values("reference_image_id")).exists()
