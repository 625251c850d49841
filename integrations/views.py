"""What the doors that are open to the internet have in common."""

from typing import Any

from rest_framework.views import APIView


class OpenDoor(APIView):
    """A view without login. How large a request may be is settled before any view runs."""

    authentication_classes: tuple[Any, ...] = ()
    permission_classes: tuple[Any, ...] = ()
