"""What the catalogue shows in the admin; `implants.staff` is how."""

from django.contrib import admin

from implants.models import Implant
from implants.staff.implants import ImplantAdmin

admin.site.register(Implant, ImplantAdmin)
