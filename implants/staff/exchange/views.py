"""The pages of import and export."""

import secrets
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from import_export.results import RowResult

from implants.models import Implant
from implants.staff.exchange import tables
from implants.staff.exchange.limits import MAX_BYTES, TableError
from implants.staff.exchange.plan import Plan, carry_out, label
from implants.staff.exchange.resource import COLUMNS, KEY, ImplantResource
from implants.staff.exchange.tables import Table
from implants.vocabulary import FEATURES

TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
KEPT_SECONDS = 3600
# The page would grow beyond what anybody reads.
SHOWN = 200

can_import = permission_required(
    ["implants.add_implant", "implants.change_implant"], raise_exception=True
)
can_export = permission_required("implants.view_implant", raise_exception=True)


@require_http_methods(["GET", "HEAD", "POST"])
@can_import
def upload(request: HttpRequest) -> HttpResponse:
    """The form for the table; posted, what it would change. Nothing is written."""
    if request.method != "POST":
        return _page(request)
    file = request.FILES.get("table")
    if file is None:
        return _page(request, problem=_("Choose a CSV or XLSX file."), status=400)
    try:
        if file.size is not None and file.size > MAX_BYTES:
            raise TableError(_("The file is larger than 3 MB."))
        table = tables.read(file.read())
        plan, _result = carry_out(table, dry_run=True)
    except TableError as error:
        return _page(request, problem=str(error), status=422)
    return _preview(request, table, plan, str(file.name))


@require_POST
@can_import
def confirm(request: HttpRequest) -> HttpResponse:
    """Carry out exactly what the preview showed, or show it anew where the catalogue changed."""
    key = _cache_key(request, request.POST.get("token", ""))
    kept = cache.get(key)
    if kept is None:
        messages.warning(request, _("The preview is too old. Choose the file once more."))
        return redirect("admin:implants_implant_import")
    table, name = kept
    plan, result = _carried_out(table, request.POST.get("fingerprint", ""))
    if result is None:
        messages.warning(request, _("The catalogue has changed meanwhile. Please look again."))
        return _preview(request, table, plan, name)
    cache.delete(key)
    _log(result, cast(User, request.user))
    messages.success(request, _done(plan))
    return redirect("admin:implants_implant_changelist")


def _carried_out(table: Table, fingerprint: str) -> tuple[Plan, Any]:
    """What was written, and import-export's result; None instead of it, and nothing written,
    where that is not what the fingerprint stands for."""
    try:
        with transaction.atomic():
            plan, result = carry_out(table, dry_run=False)
            if plan.has_effect and plan.fingerprint == fingerprint:
                return plan, result
            transaction.set_rollback(True)
    except IntegrityError:
        # Somebody added one of them in this very moment.
        plan, _result = carry_out(table, dry_run=True)
    return plan, None


def _preview(request: HttpRequest, table: Table, plan: Plan, name: str) -> HttpResponse:
    token = secrets.token_urlsafe(16)
    if plan.has_effect:
        cache.set(_cache_key(request, token), (table, name), KEPT_SECONDS)
    return _page(request, plan=plan, token=token, file_name=name)


def _page(request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
    known = {
        **admin.site.each_context(request),
        "title": _("Import implants"),
        "opts": Implant._meta,
        "columns": [(name, label(name)) for name in COLUMNS],
        "needed": KEY,
        "vocabularies": [(name, words.choices) for name, words in FEATURES.items()],
        "shown": SHOWN,
        **context,
    }
    return TemplateResponse(request, "admin/implants/implant/import.html", known, status=status)


def _cache_key(request: HttpRequest, token: str) -> str:
    return f"catalogue-table:{request.user.pk}:{token[:40]}"


def _log(result: Any, by: User) -> None:
    flags = {RowResult.IMPORT_TYPE_NEW: ADDITION, RowResult.IMPORT_TYPE_UPDATE: CHANGE}
    for kind, flag in flags.items():
        rows = [row.instance for row in result.rows if row.import_type == kind]
        if rows:
            LogEntry.objects.log_actions(by.pk, rows, flag, change_message=_("By a table."))


def _done(plan: Plan) -> str:
    new = ngettext("%(number)d implant added", "%(number)d implants added", len(plan.new))
    changed = ngettext("%(number)d changed", "%(number)d changed", len(plan.changed))
    return f"{new % {'number': len(plan.new)}}, {changed % {'number': len(plan.changed)}}."


@require_safe
@can_export
def export(request: HttpRequest) -> HttpResponse:
    """The implants of the list as it is filtered and searched, `?format=csv` or `xlsx`."""
    query = request.GET.copy()
    kind = str(query.pop("format", ["csv"])[-1])
    if kind not in TYPES:
        raise Http404
    request.GET = query  # type: ignore[assignment]
    try:
        implants = _listed(request)
    except IncorrectLookupParameters:
        messages.warning(request, _("The list cannot be filtered in this way."))
        return redirect("admin:implants_implant_changelist")
    dataset = ImplantResource().export(implants)
    response = HttpResponse(tables.written(dataset, kind), content_type=TYPES[kind])
    day = timezone.localdate().isoformat()
    response["Content-Disposition"] = f'attachment; filename="implants-{day}.{kind}"'
    return response


def _listed(request: HttpRequest) -> QuerySet[Implant]:
    changelist = admin.site.get_model_admin(Implant).get_changelist_instance(request)
    return changelist.get_queryset(request)
