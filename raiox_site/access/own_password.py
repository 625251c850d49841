"""Changing one's own password: the old one is asked for, and guessing it is counted."""

from typing import Any

from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse_lazy
from django.views.decorators.debug import sensitive_variables

from raiox_site.access import lockout


class OwnPasswordForm(AdminPasswordChangeForm):
    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    @sensitive_variables("password")
    def clean_old_password(self) -> str:
        """Raises ValidationError; a stolen session has as few guesses as the login."""
        password = str(self.cleaned_data["old_password"])
        if not lockout.is_password_of(self.request, self.user, password):
            code = "password_incorrect"
            raise ValidationError(self.error_messages[code], code=code)
        return password


class OwnPassword(PasswordChangeView):
    form_class = OwnPasswordForm
    success_url = reverse_lazy("admin:password_change_done")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}
