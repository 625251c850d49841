"""`/termos` and `/privacidade`: Portuguese texts in versions, of which old ones stay readable."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from cases.terms import TERMS_VERSION, TERMS_VERSIONS


@require_safe
def terms(request: HttpRequest, version: str = TERMS_VERSION) -> HttpResponse:
    return _text(request, "terms", version)


@require_safe
def privacy(request: HttpRequest, version: str = TERMS_VERSION) -> HttpResponse:
    return _text(request, "privacy", version)


def _text(request: HttpRequest, name: str, version: str) -> HttpResponse:
    """Without context processors: the texts are there for everybody, also without a session.
    Raises Http404 for a version that never was."""
    if version not in TERMS_VERSIONS:
        raise Http404
    context = {
        "name": name,
        "version_name": f"{name}-version",
        "version": version,
        "published": TERMS_VERSIONS[version],
        "versions": TERMS_VERSIONS,
        "is_current": version == TERMS_VERSION,
        "controller": settings.RAIOX_CONTROLLER_NAME,
        "email": settings.RAIOX_PRIVACY_EMAIL,
        "retention_days": settings.RAIOX_RETENTION_DAYS,
    }
    return render(None, f"pages/{name}/{version}.html", context)  # type: ignore[arg-type]
