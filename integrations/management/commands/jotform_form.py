"""Print the settings for one form."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from integrations.jotform.client import JotformClient, JotformError, KeyRefused, NotThere
from integrations.jotform.mapping import FormQuestion, Proposal, propose, read_questions

HEADINGS = ("order", "qid", "unique name", "type", "label")
MAX_LABEL = 50


class Command(BaseCommand):
    help = (
        "Reads a form's questions from Jotform and prints them with the lines for .env that tell"
        " Raiox which question is what. Nothing is changed, here or at Jotform."
    )
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("form_id", help="the number in the form's address")

    def handle(self, *args: object, form_id: str, **options: object) -> None:
        questions = read_questions(_ask(form_id))
        if not questions:
            raise CommandError(f"The form {form_id} has no questions.")
        proposal = propose(questions)
        self._print(_table(questions))
        self._print(_settings(form_id, proposal))
        self._print(_remarks(proposal, {one.qid: one for one in questions}))

    def _print(self, lines: Iterator[str]) -> None:
        for line in lines:
            self.stdout.write(line)
        self.stdout.write("")


def _ask(form_id: str) -> dict[str, dict[str, object]]:
    if not settings.JOTFORM_API_KEY.strip():
        raise CommandError("JOTFORM_API_KEY is not set: without it, Jotform tells nothing.")
    client = JotformClient(settings.JOTFORM_API_BASE, settings.JOTFORM_API_KEY)
    try:
        return client.form_questions(form_id)
    except KeyRefused as error:
        raise CommandError(
            "Jotform refuses the API key. It works with the API of its own region only: compare"
            " JOTFORM_API_KEY and JOTFORM_API_BASE."
        ) from error
    except NotThere as error:
        raise CommandError(
            f"The form {form_id} is unknown to this API key: it was deleted, or belongs to"
            " another account."
        ) from error
    except JotformError as error:
        raise CommandError(str(error)) from error


def _table(questions: Sequence[FormQuestion]) -> Iterator[str]:
    rows = [
        HEADINGS,
        *((str(q.order), q.qid, q.name, q.kind, q.label[:MAX_LABEL]) for q in questions),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _settings(form_id: str, proposal: Proposal) -> Iterator[str]:
    yield f"JOTFORM_FORM_IDS={form_id}"
    yield f"JOTFORM_FIELDS={json.dumps(proposal.fields, separators=(',', ':'))}"


def _remarks(proposal: Proposal, questions: dict[str, FormQuestion]) -> Iterator[str]:
    for role in proposal.missing:
        yield f"{role}: no question was found."
    for role, others in proposal.rivals.items():
        also = ", ".join(f"{one.qid} ({one.name})" for one in others)
        taken = proposal.fields[role].split(",")[0]
        if role == "files":
            yield f"files: {taken} is taken, and so is {also}; keep those that hold radiographs."
        else:
            yield f"{role}: {taken} ({questions[taken].name}) is taken, but {also} fits too."
    if written := [role for role in proposal.fields if role.startswith("answer")]:
        numbers = ", ".join(proposal.fields[role] for role in written)
        yield f"Raiox writes into {numbers}: nobody else should fill them in."
    if "answer" not in proposal.fields:
        yield "Without an answer field (a long text), no result reaches the form."
