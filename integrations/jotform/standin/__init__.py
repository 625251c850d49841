"""Jotform's REST API and file host on a loopback port, as strict as the documented original."""

from integrations.jotform.simulator import SimulatedSubmission, post_webhook, webhook_fields
from integrations.jotform.standin.faults import LOGIN_PAGE, Fault, Late, Recorded
from integrations.jotform.standin.server import API_KEY, JotformStandIn
from integrations.jotform.standin.store import QUESTIONS

__all__ = [
    "API_KEY",
    "LOGIN_PAGE",
    "QUESTIONS",
    "Fault",
    "JotformStandIn",
    "Late",
    "Recorded",
    "SimulatedSubmission",
    "post_webhook",
    "webhook_fields",
]
