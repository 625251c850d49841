"""The addresses of the case page and of everything that is done on it."""

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path

from cases.panel import deciding, fixtures, page

VIEWS: dict[str, Callable[..., Any]] = {
    "review": page.review_page,
    "implants": page.implants,
    "candidates": page.candidates,
    "decide": deciding.decide,
    # The name that it had before every fixture was decided by itself.
    "approve": deciding.decide,
    "reject": deciding.reject,
    "retry": deciding.retry,
    "consent": deciding.record_consent,
    "undo": deciding.undo,
    "priority": deciding.priority,
    "note": deciding.internal_note,
    "propose": deciding.propose,
    "mark": fixtures.mark,
    "unmark": fixtures.unmark,
    "tilt": deciding.tilt,
}


def case_urls(protect: Callable[..., Any]) -> list[URLPattern]:
    """Named `cases_case_<what>`; `protect` is the `admin_view` of the site."""
    film = path(
        "<int:case_id>/films/<int:image_id>/",
        # The film's own Cache-Control stands: it is private and short.
        protect(page.film, cacheable=True),
        name="cases_case_film",
    )
    return [
        *(
            path(f"<int:case_id>/{name}/", protect(view), name=f"cases_case_{name}")
            for name, view in VIEWS.items()
        ),
        film,
    ]
