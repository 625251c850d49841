"""A reviewer, and a case with three candidates, for the tests of the panel."""

import pytest

from cases.tests.making_cases import make_case, make_implant


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
