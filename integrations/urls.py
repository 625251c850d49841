from django.urls import re_path

from integrations.doors import Upload, Webhook
from integrations.jotform.incoming.webhook import JotformWebhook

urlpatterns = [
    re_path(r"^jotform/?$", JotformWebhook.as_view(), name="jotform-webhook"),
    re_path(r"^jotform/(?P<token>[^/]+)/?$", JotformWebhook.as_view(schema=None)),
    re_path(r"^webhook/?$", Webhook.as_view(), name="webhook"),
    re_path(r"^upload/?$", Upload.as_view(), name="upload"),
]
