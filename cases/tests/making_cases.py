"""Cases for the tests of the panel, the addresses of their pages, and what their form sends."""

from html.parser import HTMLParser

from django.core.files.base import ContentFile
from django.urls import reverse

from cases import intake
from cases.films import IncomingImage
from cases.intake import Person
from cases.models import Case, CaseImage, Finding, Result
from implants.models import Implant
from matching.boxes import Box

# Within the smallest film of these tests, and large enough to be searched.
FIXTURE = Box(60, 100, 80, 120, 0)


def make_implant(name, diameter="4.3", length="10", **facts):
    return Implant.objects.create(
        manufacturer="Fabricante",
        name=name,
        type="Cone Morse",
        diameter_mm=diameter,
        length_mm=length,
        **facts,
    )


def make_case(implants, *, film=b"a film", status=Case.Status.PENDING, **facts):
    """A case with one film and these implants as its candidates, best first."""
    case = Case.objects.create(
        source=Case.Source.UPLOAD,
        dentist_name="Dra. Exemplo",
        patient_name="Paciente Fictício",
        tooth=36,
        status=status,
        **facts,
    )
    image = CaseImage(case=case, width=64, height=96)
    image.file.save("", ContentFile(film), save=False)
    image.save()
    finding = Finding.objects.create(case_image=image)
    for rank, implant in enumerate(implants, start=1):
        Result.objects.create(
            finding=finding,
            implant=implant,
            rank=rank,
            similarity=0.9871 - rank / 1000,
            encoder="ViT-B-32/random@abc/pad-v1",
        )
    return case


def finding_of(case):
    return Finding.objects.get(case_image__case=case)


def mark_fixture(case, box=FIXTURE):
    """As if a reviewer had marked the only fixture of the case."""
    finding = finding_of(case)
    finding.box, finding.proposed_by = box.as_json(), Finding.ProposedBy.PERSON
    finding.save()
    return finding


def choice(case, implant):
    """What the tick box of an implant sends."""
    return f"{finding_of(case).pk}:{implant.pk}"


def queue():
    return reverse("admin:cases_case_changelist")


def page(case):
    return reverse("admin:cases_case_review", args=[case.pk])


def act(name, case):
    return reverse(f"admin:cases_case_{name}", args=[case.pk])


def film_url(case):
    return reverse("admin:cases_case_film", args=[case.pk, case.images.get().pk])


def html(response):
    return response.content.decode()


def status_of(case):
    return Case.objects.get(pk=case.pk).status


class _Form(HTMLParser):
    """The fields of the form with the id `decision`, as a browser would send them."""

    def __init__(self):
        super().__init__()
        self.fields = {}
        self.is_inside = False
        self.list = self.text = ""

    def handle_starttag(self, tag, attrs):
        has = dict(attrs)
        if tag == "form":
            self.is_inside = has.get("id") == "decision"
        if not self.is_inside:
            return
        name, value = has.get("name", ""), has.get("value") or ""
        is_left_out = has.get("type") in ("checkbox", "radio") and "checked" not in has
        if tag == "input" and name and not is_left_out:
            self.fields[name] = value
        elif tag == "select":
            self.list = name
            self.fields[name] = ""
        elif tag == "option" and "selected" in has:
            self.fields[self.list] = value
        elif tag == "textarea":
            self.text = name
            self.fields[name] = ""

    def handle_data(self, data):
        if self.text:
            self.fields[self.text] += data

    def handle_endtag(self, tag):
        if tag == "textarea":
            self.text = ""
        if tag == "form":
            self.is_inside = False


def form_of(response):
    """What the decision's form sends when nobody has changed anything."""
    form = _Form()
    form.feed(html(response))
    return form.fields


def set_facts(case, **facts):
    Case.objects.filter(pk=case.pk).update(**facts)


def told(response):
    """What the messages of an answer say."""
    return " ".join(str(message) for message in response.wsgi_request._messages)


def matched_case(film):
    """A case with one film (its bytes), taken in and matched: it awaits review."""
    received = intake.receive(
        source=Case.Source.UPLOAD,
        images=[IncomingImage(content=film)],
        person=Person(dentist_name="Dra. Exemplo", tooth=26),
    ).case
    return intake.process(case_id=received.pk)
