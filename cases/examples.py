"""Examples for the description of the API. The people in them do not exist."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

_RESULT: dict[str, Any] = {
    "id": 901,
    "finding_id": 301,
    "implant_id": 12,
    "name": "Helix GM",
    "manufacturer": "Neodent",
    "type": "Cone Morse",
    "rank": 1,
    "similarity": 0.9134,
    "encoder": "ViT-B-32/openai@4f2c9d1a/pad-v1",
    "approved": True,
    "approved_at": "2031-05-04T10:12:09.120000-03:00",
}
_FINDING: dict[str, Any] = {
    "id": 301,
    "box": {"x": 412.5, "y": 690.0, "width": 88.0, "height": 240.0, "angle": -4.5},
    "proposed_by": "finder",
    "found_score": 0.97,
    "is_unknown": False,
    "band": "high",
    "tooth": 36,
    "outcome": "identified",
    "reason": "",
    "seen": {"level": "bone", "apex": "rounded"},
}
_IMAGE: dict[str, Any] = {
    "id": 201,
    "image_url": "https://raiox.example.org/cases/101/films/201",
    "width": 860,
    "height": 1140,
    "modality": "",
    "error": "",
    "doubts": [],
    "findings": [_FINDING],
    "results": [_RESULT],
}
_EVENT: dict[str, Any] = {
    "what": "approved",
    "actor_label": "revisora",
    "created_at": "2031-05-04T10:12:09.120000-03:00",
    "correlation_id": "7d0c7d1f6a4e4c0f9a0f3f6d2b1c5e88",
}
CASE: dict[str, Any] = {
    "id": 101,
    "jotform_submission_id": "6200000000000000001",
    "form_id": "240000000000001",
    "source": "jotform",
    "status": "approved",
    "revision": 1,
    "priority": 0,
    "band": "high",
    "decision": "approved",
    "outcome": "identified",
    "dentist_name": "Dra. Exemplo",
    "dentist_email": "exemplo@example.org",
    "patient_name": "Paciente Fictício",
    "tooth": 36,
    "consent_at": "2031-05-04T09:58:00-03:00",
    "consent_version": "2031-01",
    "awaits_consent": False,
    "failure": "",
    "next_try_at": None,
    "decision_reason": "",
    "note": "",
    "created_at": "2031-05-04T09:58:01.030000-03:00",
    "matched_at": "2031-05-04T09:58:02.410000-03:00",
    "decided_at": "2031-05-04T10:12:09.120000-03:00",
    "decided_by": "revisora",
    "undo_until": None,
    "images": [_IMAGE],
    "events": [_EVENT],
}
CASE_EXAMPLE = OpenApiExample("A case that was approved", value=CASE, response_only=True)
APPROVALS = [
    OpenApiExample(
        "One answer for the whole case",
        value={"implant_ids": [12], "note": "Confirmar a plataforma.", "revision": 1},
        request_only=True,
    ),
    OpenApiExample(
        "An answer for each fixture",
        value={
            "verdicts": [
                {
                    "finding_id": 301,
                    "outcome": "identified",
                    "implant_ids": [12],
                    "seen": {"apex": "rounded"},
                    "tooth": 36,
                },
                {"finding_id": 302, "outcome": "unreadable", "reason": "Fora do filme."},
            ],
            "revision": 1,
        },
        request_only=True,
    ),
]
REJECTIONS = [
    OpenApiExample(
        "One answer for the whole case",
        value={"reason": "A radiografia está sem foco.", "outcome": "unreadable", "revision": 1},
        request_only=True,
    ),
    OpenApiExample(
        "An answer for each fixture",
        value={
            "verdicts": [
                {"finding_id": 301, "outcome": "not_in_catalogue", "reason": "Marca desconhecida."}
            ]
        },
        request_only=True,
    ),
]
CERTIFICATE = OpenApiExample(
    "A dentist's cases",
    value={
        "id": 7,
        "basis": "dentist",
        "asked_at": "2031-05-04T10:12:09.120000-03:00",
        "completed_at": "2031-05-04T10:12:10.480000-03:00",
        "complete": True,
        "by": "revisora",
        "cases": [101, 102],
        "erased": {"films": 3, "deliveries": 2},
        "kept": [{"what": "Decisão e datas", "ground": "estatística sem dados pessoais"}],
        "elsewhere": [],
        "jotform_submissions": ["6200000000000000001"],
        "code": "3f9a7c",
    },
    response_only=True,
)
