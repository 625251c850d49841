"""The system check that says when a missing consent would not be seen."""

from typing import Any

import pytest
from django.core.checks import INFO

from integrations.checks import consent_is_asked

FORM = {"JOTFORM_FORM_IDS": ["260000000000000"]}


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        (FORM, ["integrations.I005"]),
        ({"JOTFORM_FIELDS": {"tooth": "6"}}, ["integrations.I005"]),
        ({"JOTFORM_WEBHOOK_URL": "https://raiox.example.org/jotform/x"}, ["integrations.I005"]),
        ({**FORM, "JOTFORM_FIELDS": {"consent": " "}}, ["integrations.I005"]),
        ({**FORM, "JOTFORM_FIELDS": {"consent": "10"}}, []),
        ({**FORM, "JOTFORM_API_KEY": "key"}, []),
        ({}, []),
        ({"RAIOX_WEBHOOK_TOKEN": "open-sesame-7394"}, []),
    ],
)
def test_a_form_whose_empty_box_is_not_seen_is_told(
    settings: Any, values: dict[str, Any], ids: list[str]
) -> None:
    unset = {"JOTFORM_API_KEY": "", "JOTFORM_FIELDS": {}, "JOTFORM_FORM_IDS": []}
    for name, value in {**unset, "JOTFORM_WEBHOOK_URL": "", **values}.items():
        setattr(settings, name, value)
    found = consent_is_asked()
    assert [message.id for message in found] == ids
    assert all(message.level == INFO for message in found)
