"""The references in the admin: their state, their warnings and their crop are the search's."""

from django.contrib import admin
from django.urls import URLPattern, path

from implants.models import ReferenceImage
from implants.staff.references import ReferenceAdmin
from matching.crop_page import crop_page


@admin.register(ReferenceImage)
class SearchedReferenceAdmin(ReferenceAdmin):
    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<int:reference_id>/crop/",
            self.admin_site.admin_view(crop_page),
            name="implants_referenceimage_crop",
        )
        return [own, *super().get_urls()]
