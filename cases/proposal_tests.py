"""Testing what was proposed as a reference, before a curator confirms it."""

import logging
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from cases import crops, learning
from cases.learning import Added, Effect
from cases.models import ReferenceProposal
from cases.verdicts import ReviewError
from matching.encoder import EncoderError, has_random_weights, is_current, ready_encoder
from matching.models import Embedding

log = logging.getLogger(__name__)
Status = ReferenceProposal.Status


def test(*, proposal_id: int) -> None:
    """Write down what a proposal that is open would do; nothing happens where that is known, or
    its film is gone. Safe to run twice. Raises EncoderError."""
    rows = ReferenceProposal.objects.select_related("finding__case_image", "implant")
    proposal = rows.filter(pk=proposal_id, status=Status.PROPOSED).first()
    if proposal is None or _still_holds(proposal.effect):
        return
    try:
        _tested(proposal, crops.picture(proposal.finding))
    except ReviewError as error:
        log.warning("proposal %s was not tested: %s", proposal_id, error)


def up_to_date(proposal: ReferenceProposal, content: bytes) -> Effect:
    """The effect of a proposal whose picture is `content`: tested anew where another encoder is
    in use by now, or other references are compared. Raises ReviewError when that fails."""
    if proposal.effect is not None and _still_holds(proposal.effect):
        return Effect.of(proposal.effect)
    try:
        return _tested(proposal, content)
    except EncoderError as error:
        log.error("proposal %s cannot be tested: %s", proposal.pk, error)
        raise ReviewError(
            _("The picture cannot be tested now: the encoder does not work.")
        ) from error


def _tested(proposal: ReferenceProposal, content: bytes) -> Effect:
    tested_at = timezone.now()
    effect = _effect(proposal, content)
    proposal.effect = {**effect.as_json(), "tested_at": tested_at.isoformat()}
    unchanged = ReferenceProposal.objects.filter(pk=proposal.pk, status=Status.PROPOSED)
    unchanged.update(effect=proposal.effect)
    return effect


def _effect(proposal: ReferenceProposal, content: bytes) -> Effect:
    """An encoder without training would only give chance a voice."""
    if has_random_weights():
        return Effect()
    encoder = ready_encoder()
    return learning.effect_of(
        Added(
            crops.vector(proposal, content, encoder),
            encoder.id,
            proposal.implant_id,
            proposal.finding.case_image.case_id,
        )
    )


def _still_holds(effect: dict[str, Any] | None) -> bool:
    tested_at = _tested_at(effect)
    if effect is None or tested_at is None:
        return False
    encoder = str(effect.get("encoder", ""))
    if not encoder:
        return has_random_weights()
    newer = Embedding.objects.of_encoder(encoder).filter(created_at__gt=tested_at)
    return is_current(encoder) and not newer.exists()


def _tested_at(effect: dict[str, Any] | None) -> datetime | None:
    return parse_datetime(str((effect or {}).get("tested_at", "")))
