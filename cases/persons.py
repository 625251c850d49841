"""Finding what is held about a person: a dentist by the address, a patient by the name."""

import unicodedata

from django.db.models import Q, QuerySet

from cases.models import Case, client_hash

# Combining marks (accents) and characters that cannot be seen.
_IGNORED = frozenset({"Mn", "Cf"})


def cases_of_dentist(email: str) -> QuerySet[Case]:
    """Cases that a dentist's address sent, or a plain client's id. By the hash of the current
    key, and by the address itself: after a change of RAIOX_HASH_KEY older hashes say nothing."""
    identity = client_hash(email)
    if not identity:
        return Case.objects.none()
    by_hash, by_address = Q(client_hash=identity), Q(dentist_email__iexact=email.strip())
    return Case.objects.filter(by_hash | by_address)


def cases_of_patient(name: str, email: str = "") -> QuerySet[Case]:
    """Cases about a patient, without regard to case, accents and spaces; with an address only
    those of this dentist."""
    wanted = same_name(name)
    if not wanted:
        return Case.objects.none()
    within = cases_of_dentist(email) if email.strip() else Case.objects.all()
    named = within.exclude(patient_name="").order_by("pk").values_list("pk", "patient_name")
    found = [pk for pk, held in named.iterator(chunk_size=2000) if same_name(held) == wanted]
    return Case.objects.filter(pk__in=found)


def rehash(*, dry_run: bool = False) -> tuple[int, int]:
    """Group cases by the current key: how many were hashed with another one, and how many
    cannot be, since only the hash of their sender is known."""
    changed = 0
    held = Case.objects.exclude(dentist_email="").values_list("pk", "dentist_email", "client_hash")
    for pk, email, old in held.order_by("pk").iterator(chunk_size=2000):
        if (new := client_hash(email)) != old:
            changed += 1
            if not dry_run:
                # Unless it was erased meanwhile.
                Case.objects.filter(pk=pk, dentist_email=email).update(client_hash=new)
    unknown = Case.objects.filter(dentist_email="").exclude(client_hash="").count()
    return changed, unknown


def same_name(name: str) -> str:
    """What two ways of writing one name have in common."""
    parts = unicodedata.normalize("NFKD", name)
    letters = "".join(one for one in parts if unicodedata.category(one) not in _IGNORED)
    return " ".join(letters.casefold().split())
