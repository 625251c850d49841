import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cases import learning
from cases.learning import Effect
from implants.models import Implant, ReferenceImage
from matching.encoder import EncoderError, has_random_weights, ready_encoder


class Command(BaseCommand):
    help = (
        "Say what a reference does to earlier decisions and to the other references: which of "
        "them would come out better or worse with it than without it. Nothing is changed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", type=int, help="number of the reference radiograph")
        parser.add_argument("--json", action="store_true", help="the same for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        effect = _effect(options["id"])
        if options["json"]:
            self.stdout.write(json.dumps({**effect.as_json()}))
            return
        self.stdout.write(
            f"{effect.encoder}\ntried on {effect.decisions} decisions and {effect.references} "
            f"references that look most like it: {effect.better} better, {effect.worse} worse"
        )
        names = Implant.objects.in_bulk(
            {pk for one in effect.moved for pk in (one.implant, one.first)}
        )
        for one in effect.moved:
            said = asdict(one) | {"implant": names[one.implant], "first": names[one.first]}
            self.stdout.write(
                "  {kind} {pk} ({implant}): place {before} without it, {after} with it; "
                "first is {first}".format(**said)
            )


def _effect(reference_id: int) -> Effect:
    if not ReferenceImage.objects.filter(pk=reference_id).exists():
        raise CommandError(f"There is no reference {reference_id}.")
    if has_random_weights():
        raise CommandError("The encoder has random weights: there is nothing to test.")
    try:
        encoder = ready_encoder().id
    except EncoderError as error:
        raise CommandError(str(error)) from error
    effect = learning.effect_of_reference(reference_id=reference_id, encoder=encoder)
    if effect is None:
        raise CommandError(f"Reference {reference_id} has no vector of {encoder} (yet).")
    return effect
