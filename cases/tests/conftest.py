"""Reviewers, and cases with three candidates, for the tests of the panel."""

import pytest

from cases.tests.making_cases import make_case, make_implant
from implants.models import Implant


@pytest.fixture
def reviewer(client, approver):
    client.force_login(approver)
    return approver


@pytest.fixture
def implants():
    return [make_implant(name) for name in ("Linha Um", "Linha Dois", "Linha Três")]


@pytest.fixture
def case(implants):
    return make_case(implants)


@pytest.fixture
def colleague(make_user):
    return make_user("approver", username="colega", first_name="Colega", last_name="Exemplo")


@pytest.fixture
def two_makers(implants):
    """Two cases whose first candidates are of different manufacturers."""
    other = Implant.objects.create(manufacturer="Outra Marca", name="Linha Rara")
    return make_case(implants), make_case([other, *implants])
