from django.urls import re_path

from implants.api import ImplantViewSet, Picture

urlpatterns = [
    re_path(r"^implants/?$", ImplantViewSet.as_view({"get": "list"}), name="implant-list"),
    re_path(
        r"^implants/(?P<pk>\d{1,18})/?$",
        ImplantViewSet.as_view({"get": "retrieve"}),
        name="implant-detail",
    ),
    re_path(r"^implants/(?P<pk>\d{1,18})/picture/?$", Picture.as_view(), name="implant-picture"),
]
