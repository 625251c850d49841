"""What was decided about first candidates, for the calibration."""

from cases.training_data import Decided, decided
from implants.models import Implant
from matching.calibrating.held_out import HeldOut
from matching.look_alikes import family_numbers
from matching.scoring import standing


def decided_films(*, encoder: str) -> list[HeldOut]:
    """Every decided fixture that this encoder id had found candidates for."""
    decisions = list(decided(encoder=encoder))
    ids = {implant_id for one in decisions for implant_id, _score in one.ranking}
    implants = Implant.objects.in_bulk(ids)
    return [_held_out(one, implants) for one in decisions]


def _held_out(one: Decided, implants: dict[int, Implant]) -> HeldOut:
    numbers = family_numbers([implants[pk] for pk, _score in one.ranking])
    return HeldOut(
        standing(one.ranking, family=numbers.__getitem__),
        is_present=not one.is_absent,
        is_right=one.was_first_right,
        group=one.finding_id,
    )
