from cases.models.case import (
    MAX_ATTEMPTS,
    MAX_POSTPONED,
    WORK_LOCK,
    Case,
    client_hash,
    pause_before,
)
from cases.models.desk import Presence, ReferenceProposal, RejectionReason
from cases.models.event import CaseEvent
from cases.models.film import CaseImage, Finding, Result

__all__ = [
    "MAX_ATTEMPTS",
    "MAX_POSTPONED",
    "WORK_LOCK",
    "Case",
    "CaseEvent",
    "CaseImage",
    "Finding",
    "Presence",
    "ReferenceProposal",
    "RejectionReason",
    "Result",
    "client_hash",
    "pause_before",
]
