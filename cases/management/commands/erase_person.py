from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet

from cases import certificate_text, erasure
from cases.erasers import Wanted
from cases.models import Case, Erasure


class Command(BaseCommand):
    help = (
        "Erases what is held about a person, or one case, and prints the certificate. Shows what"
        " would go and asks first. Ends with 1 while something is left: the nightly run goes on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", default="", help="a dentist's address, or a client's id")
        parser.add_argument(
            "--patient", default="", help="a patient's name; with --email only this dentist's"
        )
        parser.add_argument("--case", type=int, help="the number of one case")
        parser.add_argument("--dry-run", action="store_true", help="only show what would go")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(
        self, *args: Any, email: str, patient: str, case: int | None, **options: Any
    ) -> None:
        if bool(case) == bool(email.strip() or patient.strip()):
            raise CommandError("Give --case, or --email, or --patient (with --email or without).")
        wanted = Wanted(email=email, patient=patient)
        found = Case.objects.filter(pk=case) if case else erasure.found(wanted)
        if case and not found:
            raise CommandError(f"There is no case {case}.")
        self._show(found)
        if options["dry_run"]:
            return
        if not (options["yes"] or input("Erase for good? Type “erase”: ") == "erase"):
            raise CommandError("Nothing was erased.")
        self._print(_erase(wanted, case))

    def _show(self, found: QuerySet[Case]) -> None:
        self.stdout.write(f"cases: {found.count()}")
        for case in found.order_by("pk").iterator(chunk_size=500):
            self.stdout.write(f"  #{case.pk} {case.created_at:%Y-%m-%d} {case.status}")

    def _print(self, row: Erasure) -> None:
        certificate = certificate_text.of(row)
        self.stdout.write(f"certificate: {certificate.id}")
        for name, number in certificate.lines:
            self.stdout.write(f"  {name}: {number}")
        for submission in certificate.jotform_submissions:
            self.stdout.write(f"  delete at Jotform: {submission}")
        if not certificate.is_complete:
            raise CommandError("Not everything could be deleted yet: the nightly run goes on.")
        self.stdout.write(f"complete, code {certificate.code}")


def _erase(wanted: Wanted, case: int | None) -> Erasure:
    if case:
        return erasure.erase_case(case_id=case)
    if wanted.patient:
        return erasure.erase_patient(name=wanted.patient, email=wanted.email)
    return erasure.erase_dentist(email=wanted.email)
