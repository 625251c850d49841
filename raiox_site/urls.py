from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index", http_method_names=["get", "head"])),
    path("admin/", admin.site.urls),
    path("", include("implants.urls")),
    path("", include("cases.urls")),
    path("", include("integrations.urls")),
    path("", include("raiox_site.service_urls")),
]

handler400 = "raiox_site.errors.bad_request"
handler403 = "raiox_site.errors.permission_denied"
handler404 = "raiox_site.errors.not_found"
handler500 = "raiox_site.errors.server_error"
