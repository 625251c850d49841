import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from matching import evaluation
from matching.encoder import EncoderError, get_encoder
from matching.phantoms import DIFFICULTIES


class Command(BaseCommand):
    help = (
        "Print top 1, 3 and 5 on phantoms of the demo implants, rendered with other seeds "
        "than their references. The numbers say nothing about patients' films."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--phantoms", choices=sorted(DIFFICULTIES), default="easy")
        parser.add_argument("--seeds", type=int, default=1, help="films per implant")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        implants = evaluation.demo_implants()
        if not implants or options["seeds"] < 1:
            raise CommandError("Nothing to evaluate: run setup_demo first, with --seeds ≥ 1.")
        try:
            get_encoder().load()
        except EncoderError as error:
            raise CommandError(str(error)) from error
        queries = list(
            tqdm(
                evaluation.identify_phantoms(
                    implants, difficulty=options["phantoms"], seeds=options["seeds"]
                ),
                total=len(implants) * options["seeds"],
                unit="film",
                disable=options["json"] or None,
            )
        )
        result = evaluation.recall(queries)
        if options["json"]:
            self.stdout.write(json.dumps({**asdict(result), "difficulty": options["phantoms"]}))
            return
        chance, chance_of_3 = 1 / len(implants), min(1.0, 3 / len(implants))
        self.stdout.write(
            f"encoder {result.encoder}\n"
            f"{result.queries} phantoms ({options['phantoms']}) of {len(implants)} implants, "
            "seeds the references do not have\n"
            f"top 1 {result.top1:.1%}   top 3 {result.top3:.1%}   top 5 {result.top5:.1%}   "
            f"mean reciprocal rank {result.mrr:.3f}   (chance: {chance:.1%} / {chance_of_3:.1%})"
        )
        if get_encoder().is_random:
            self.stdout.write("Random weights: these films are told apart without any training.")
        self.stdout.write("Phantoms are not patients: this is no claim about clinical films.")
