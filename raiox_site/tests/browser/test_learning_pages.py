"""The pages on which decisions become references: accessible in every colour and width."""

from django.urls import reverse
from django.utils import timezone

from cases import proposals
from cases.models import Case, HardNegative, ReferenceProposal
from implants.models import Implant
from matching.encoder import get_encoder
from raiox_site.tests.browser import stock
from raiox_site.tests.browser.desk import Desk


def propose(case: Case, desk: Desk) -> ReferenceProposal:
    """Tested: one decision would come out worse with it."""
    result = case.approved_results.get()
    other = Implant.objects.exclude(pk=result.implant_id).earliest("pk")
    made = proposals.propose(
        finding_id=result.finding_id, implant_id=result.implant_id, by=desk.user("brenda")
    )
    moved = {"kind": "decision", "pk": 1, "implant": other.pk, "before": 1, "after": 2}
    made.effect = {
        "encoder": get_encoder().id,
        "decisions": 40,
        "references": 12,
        "better": 3,
        "worse": 1,
        "moved": [{**moved, "first": result.implant_id}],
        "tested_at": timezone.now().isoformat(),
    }
    made.save()
    HardNegative.objects.create(approved=result.implant, rejected=other)
    return made


def test_proposing_testing_and_what_is_confused(desk: Desk, catalogue: list[object]) -> None:
    first, second = (stock.add_case(number) for number in range(2))
    for case in (first, second):
        stock.mark(case)
        Case.objects.filter(pk=case.pk).update(consent_at=timezone.now())
        stock.approve(Case.objects.get(pk=case.pk))
    proposal = propose(first, desk)
    page = desk.open(reverse("admin:cases_referenceproposal_possible"))
    assert page.get_by_role("checkbox").count() == 1
    desk.check(page, "possible-references")
    page = desk.open(
        reverse("admin:cases_referenceproposal_change", args=[proposal.pk]), user="catalogo"
    )
    desk.check(page, "tested-proposal")
    page.goto(reverse("admin:cases_referenceproposal_changelist"))
    page.get_by_role("link", name=str(proposal.implant)).wait_for()
    page.goto(reverse("admin:cases_referenceproposal_confused"))
    desk.check(page, "confused-implants")
