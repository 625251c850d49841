"""The three roles, as one truth for the panel and the API.

A role is a Django group. Its permissions are kept as written here after every migration;
an access token's `scope` lists the roles its user had when it was issued, and counts only
as far as the user's groups still grant it (`cases.permissions`).
"""

from typing import Any

READER = "reader"
APPROVER = "approver"
CURATOR = "curator"

PERMISSIONS: dict[str, tuple[str, ...]] = {
    READER: (
        "cases.view_case",
        "implants.view_implant",
        "implants.view_referenceimage",
        "integrations.view_resultreturn",
    ),
    APPROVER: (
        "cases.view_case",
        "cases.decide_case",
        "cases.export_case",
        "cases.view_erasure",
        "cases.add_referenceproposal",
        "cases.view_rejectionreason",
        "cases.add_rejectionreason",
        "cases.change_rejectionreason",
        "cases.delete_rejectionreason",
        "implants.view_implant",
        "implants.view_referenceimage",
        "integrations.view_resultreturn",
        "integrations.change_resultreturn",
    ),
    CURATOR: (
        "implants.view_implant",
        "implants.add_implant",
        "implants.change_implant",
        "implants.view_referenceimage",
        "implants.add_referenceimage",
        "implants.change_referenceimage",
        "implants.delete_referenceimage",
        "cases.view_referenceproposal",
        "cases.change_referenceproposal",
    ),
}


def grant_permissions(sender: Any = None, **kwargs: Any) -> None:
    """Make the groups where they are missing and give each exactly its permissions."""
    from django.contrib.auth.models import Group, Permission

    known = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in Permission.objects.select_related("content_type")
    }
    for role, names in PERMISSIONS.items():
        group, _ = Group.objects.get_or_create(name=role)
        group.permissions.set([known[name] for name in names if name in known])
