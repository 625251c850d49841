"""Jotform's REST API and file host on a loopback port, as strict as the documented original."""

from integrations.jotform.simulation.simulator import (
    SimulatedSubmission,
    post_webhook,
    webhook_fields,
)
from integrations.jotform.simulation.standin.faults import LOGIN_PAGE, Fault, Late, Recorded
from integrations.jotform.simulation.standin.server import API_KEY, JotformStandIn
from integrations.jotform.simulation.standin.store import QUESTIONS

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
