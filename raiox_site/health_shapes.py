"""The shapes of what the service says about itself, for the description of the API."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse

PONG = OpenApiResponse(
    {"type": "string", "enum": ["pong"]}, "A web process answers.", [OpenApiExample("Up", "pong")]
)
METRICS = OpenApiResponse(
    {"type": "string"},
    "Gauges, counters and histograms, in the text format of Prometheus.",
    [OpenApiExample("Part of it", 'raiox_cases{status="pending"} 3.0')],
)
_STATE = {"type": "string", "enum": ["ok", "error"]}
_VERSION = {"type": "string"}
UP: dict[str, Any] = {
    "type": "object",
    "properties": {"status": _STATE, "version": _VERSION},
    "required": ["status", "version"],
    "example": {"status": "ok", "version": "0.1.0"},
}
_QUEUE = {
    "type": "object",
    "properties": {
        "status": {"type": "string", "enum": ["ok", "stuck", "unknown"]},
        "oldest_seconds": {"type": "number", "description": "How long the oldest task waits."},
        "heartbeat_seconds": {
            "type": "number",
            "nullable": True,
            "description": "Since when no worker has run a task.",
        },
    },
    "required": ["status"],
}
_ENCODER = {
    "type": "object",
    "properties": {
        "status": {"type": "string", "enum": ["ok", "down", "unknown"]},
        "name": {"type": "string"},
        "loaded": {"type": "boolean", "description": "In the process that answers."},
        "note": {
            "type": "string",
            "description": "Why it is not the one that was switched to; else empty.",
        },
    },
    "required": ["status", "name", "loaded", "note"],
}
PARTS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "status": _STATE,
        "version": _VERSION,
        "database": {"type": "string", "enum": ["ok", "down"]},
        "storage": {"type": "string", "enum": ["ok", "down"]},
        "disk": {"type": "string", "enum": ["ok", "full", "down"]},
        "queue": _QUEUE,
        "encoder": _ENCODER,
        "replica": {
            "type": "string",
            "enum": ["ok", "down"],
            "description": "Only where there is one; searches fall back, so it is never red.",
        },
        "cache": {
            "type": "string",
            "enum": ["ok", "down"],
            "description": "Only where REDIS_URL names one; nothing waits for it.",
        },
    },
    "required": ["status", "version", "database", "storage", "disk", "queue", "encoder"],
    "example": {
        "status": "ok",
        "version": "0.1.0",
        "database": "ok",
        "storage": "ok",
        "disk": "ok",
        "queue": {"status": "ok", "oldest_seconds": 0.0, "heartbeat_seconds": 12.4},
        "encoder": {"status": "ok", "name": "ViT-B-32/openai", "loaded": True, "note": ""},
    },
}


def states(shape: dict[str, Any]) -> dict[int, OpenApiResponse]:
    """For `extend_schema`: the same shape says that it is up and that it is not."""
    return {
        200: OpenApiResponse(shape, "Up."),
        503: OpenApiResponse(shape, "Something is down: the parts say what."),
    }
