from django.urls import re_path

from cases import api, privacy_api

CASE = r"^cases/(?P<pk>\d{1,18})"

urlpatterns = [
    re_path(r"^cases/?$", api.CaseList.as_view(), name="case-list"),
    re_path(rf"{CASE}/?$", api.CaseDetail.as_view(), name="case-detail"),
    re_path(rf"{CASE}/films/(?P<image_id>\d{{1,18}})/?$", api.CaseFilm.as_view(), name="case-film"),
    re_path(rf"{CASE}/approve/?$", api.CaseApprove.as_view(), name="case-approve"),
    re_path(rf"{CASE}/reject/?$", api.CaseReject.as_view(), name="case-reject"),
    re_path(rf"{CASE}/undo/?$", api.CaseUndo.as_view(), name="case-undo"),
    re_path(rf"{CASE}/callback/?$", api.CaseCallback.as_view(), name="case-callback"),
    re_path(r"^privacy/erasure/?$", privacy_api.Erasure.as_view(), name="privacy-erasure"),
    re_path(
        r"^privacy/erasures/(?P<pk>\d{1,18})/?$",
        privacy_api.ErasureCertificate.as_view(),
        name="privacy-certificate",
    ),
    re_path(r"^privacy/export/?$", privacy_api.Export.as_view(), name="privacy-export"),
]
