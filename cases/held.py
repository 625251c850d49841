"""Everything that is held about the person behind a case, as plain data."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import models
from django.db.models import QuerySet

from cases.erasers import Wanted
from cases.models import (
    Case,
    CaseAccess,
    CaseEvent,
    CaseImage,
    Finding,
    HardNegative,
    ReferenceProposal,
    Result,
)

Row = dict[str, Any]
# Of staff, or names of files in the storage, which say nothing of the person.
_NOT_ABOUT_THEM = frozenset(
    {"actor_id", "actor_label", "decided_by_id", "approved_by_id", "file", "thumbnail"}
)
TESTED = ("encoder", "compared", "decisions", "references", "better", "worse", "tested_at")


@dataclass(frozen=True)
class Holder:
    """What a layer above holds: of a case, and of a person beside all cases; rows by name."""

    of_case: Callable[[Case], dict[str, list[Row]]]
    of_person: Callable[[Wanted], dict[str, list[Row]]]


_holders: list[Holder] = []


def also_held(holder: Holder) -> None:
    """Have what a layer above holds be part of what is told to the person."""
    _holders.append(holder)


def columns(row: models.Model, *, leaving_out: Iterable[str] = ()) -> Row:
    """Every column of a row but those that are not about the person: a new one is told too."""
    hidden = {*_NOT_ABOUT_THEM, *leaving_out}
    fields = [field.attname for field in row._meta.concrete_fields if field.attname not in hidden]
    return {name: getattr(row, name) for name in fields}


def with_all(cases: QuerySet[Case]) -> QuerySet[Case]:
    """With what `of_case` reads, in a bounded number of queries."""
    return cases.prefetch_related(
        "images__findings__results__implant",
        "images__findings__proposals__implant",
        "images__findings__hard_negatives__rejected",
        "events__actor__groups",
        "accesses__actor__groups",
    )


def of_case(case: Case) -> Row:
    """All about one case (from `with_all`); of staff only the role is told. Of each film, `id`
    tells which file it is."""
    above: Row = {}
    for holder in _holders:
        above |= holder.of_case(case)
    return {
        **columns(case),
        "films": [_film(image) for image in case.images.all()],
        "history": [_event(event) for event in case.events.all()],
        "seen_by": [_access(access) for access in case.accesses.all()],
        **above,
    }


def of_person(wanted: Wanted) -> dict[str, list[Row]]:
    """What is held about a person and belongs to no case yet."""
    found: dict[str, list[Row]] = {}
    for holder in _holders:
        found |= holder.of_person(wanted)
    return found


def _film(image: CaseImage) -> Row:
    findings = [_finding(finding) for finding in image.findings.all()]
    return {**columns(image), "fixtures": findings}


def _finding(finding: Finding) -> Row:
    vector = finding.vector
    return {
        **columns(finding),
        "vector": None if vector is None else [float(one) for one in vector],
        "candidates": [_result(result) for result in finding.results.all()],
        "reference_proposals": [_proposal(one) for one in finding.proposals.all()],
        "rejected_first": [_rejected(one) for one in finding.hard_negatives.all()],
    }


def _result(result: Result) -> Row:
    return {**columns(result), "implant": str(result.implant)}


def _proposal(proposal: ReferenceProposal) -> Row:
    """Of its test only the figures: the rest names fixtures of others, and what staff wrote."""
    tested = proposal.effect or {}
    figures = {name: tested[name] for name in TESTED if name in tested}
    return {
        **columns(proposal, leaving_out=["proposed_by_id"]),
        "implant": str(proposal.implant),
        "effect": figures or None,
    }


def _rejected(pair: HardNegative) -> Row:
    return {**columns(pair), "implant": str(pair.rejected)}


def _event(event: CaseEvent) -> Row:
    details = {name: said for name, said in event.details.items() if name != "decided_by"}
    return {**columns(event), "details": details, "who": _role(event.actor, event.actor_label)}


def _access(access: CaseAccess) -> Row:
    return {**columns(access), "who": _role(access.actor, access.actor_label)}


def _role(actor: User | None, label: str) -> str:
    """The roles that somebody has now; who they are is not for others to know."""
    if actor is None:
        return "staff" if label else "system"
    return ", ".join(sorted(group.name for group in actor.groups.all())) or "staff"
