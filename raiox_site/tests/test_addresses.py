"""Addresses that nobody clicks together, but that reach the database."""

from typing import Any

import pytest
from django.test import Client


@pytest.mark.parametrize(
    "address",
    [
        "cases/case/?manufacturer=%00",
        "cases/case/live/?manufacturer=%00",
        "cases/referenceproposal/?status=%00",
        "implants/implant/?references=%00",
        "implants/implant/?manufacturer=%00",
        "implants/implant/export/?format=csv&references=%00",
        "implants/referenceimage/?state=%00",
        "implants/referenceimage/?warning=%00",
    ],
)
def test_a_nul_in_a_filter_is_the_readers_mistake(
    client: Client, make_user: Any, address: str
) -> None:
    client.force_login(make_user(username="chefe", is_superuser=True))

    answer = client.get(f"/admin/{address}")

    assert answer.status_code == 400
    assert "default-src 'none'" in answer["Content-Security-Policy"]


def test_a_percent_sign_before_zeros_is_no_nul(client: Client, curator: Any) -> None:
    client.force_login(curator)

    assert client.get("/admin/implants/implant/?q=%2500").status_code == 200
