"""Cases for the tests of the panel, and the addresses of their pages."""

from django.core.files.base import ContentFile
from django.urls import reverse

from cases.models import Case, CaseImage, Finding, Result
from implants.models import Implant


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


def set_facts(case, **facts):
    Case.objects.filter(pk=case.pk).update(**facts)
