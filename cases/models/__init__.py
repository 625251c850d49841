from cases.models.access import AuditEvent, CaseAccess
from cases.models.case import (
    MAX_ATTEMPTS,
    MAX_POSTPONED,
    WORK_LOCK,
    Case,
    client_hash,
    pause_before,
)
from cases.models.desk import Presence, ReferenceProposal, RejectionReason
from cases.models.erasure import Erasure
from cases.models.event import CaseEvent
from cases.models.film import CaseImage, DoomedFile, Finding, Result
from cases.models.learning import HardNegative

__all__ = [
    "MAX_ATTEMPTS",
    "MAX_POSTPONED",
    "WORK_LOCK",
    "AuditEvent",
    "Case",
    "CaseAccess",
    "CaseEvent",
    "CaseImage",
    "DoomedFile",
    "Erasure",
    "Finding",
    "HardNegative",
    "Presence",
    "ReferenceProposal",
    "RejectionReason",
    "Result",
    "client_hash",
    "pause_before",
]
