"""What may stand in the cells of the catalogue's table, and what is said of the rest."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext as _
from import_export import widgets

from implants.staff.exchange.tables import UNWRITABLE

YES = frozenset({"1", "sim", "s", "yes", "y", "true", "verdadeiro"})
NO = frozenset({"0", "não", "nao", "n", "no", "false", "falso"})
MAX_LEADS = 4


def with_plain_breaks(text: str) -> str:
    """A browser sends a line break as two characters, a spreadsheet as one."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


class Text(widgets.Widget):
    def __init__(self, *, longest: int | None, is_required: bool = False) -> None:
        super().__init__()
        self.longest = longest
        self.is_required = is_required

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        text = with_plain_breaks(str(value or "").strip())
        if self.is_required and not text:
            raise ValueError(_("This cell must not be empty."))
        if self.longest and len(text) > self.longest:
            raise ValueError(
                _("The text is longer than %(longest)d characters.") % {"longest": self.longest}
            )
        if UNWRITABLE.search(text) or (self.longest and "\n" in text):
            raise ValueError(_("The text holds a character that cannot be stored."))
        return text

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return str(value or "")


class Word(widgets.Widget):
    """A word of a vocabulary, or its name on the pages in whatever case; empty is unknown."""

    def __init__(self, vocabulary: type[TextChoices]) -> None:
        super().__init__()
        self.vocabulary = vocabulary

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        text = str(value or "").strip().casefold()
        if not text:
            return ""
        for word in self.vocabulary:
            if text in (word.value, str(word.label).casefold()):
                return str(word.value)
        raise ValueError(
            _("“%(word)s” is not known here. Possible: %(words)s, or empty for unknown.")
            % {"word": value, "words": ", ".join(self.vocabulary.values)}
        )

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return str(value or "")


class Millimetres(widgets.Widget):
    """A size with a decimal point or comma, more than 0 and less than `below`."""

    def __init__(self, *, places: int, below: int) -> None:
        super().__init__()
        self.places = places
        self.below = below

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Decimal | None:
        text = str(value or "").strip().lower().removesuffix("mm").strip().replace(",", ".")
        if not text:
            return None
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise ValueError(_("“%(text)s” is not a number.") % {"text": value}) from None
        if not number.is_finite() or not 0 < number < self.below:
            raise ValueError(
                _("%(text)s is not a size between 0 and %(below)d mm.")
                % {"text": value, "below": self.below}
            )
        rounded = round(number, self.places)
        if rounded != number:
            raise ValueError(
                _("%(text)s has more than %(places)d decimal places.")
                % {"text": value, "places": self.places}
            )
        return rounded

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return value


class Leads(widgets.Widget):
    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> int | None:
        text = str(value or "").strip()
        if not text:
            return None
        if text not in {str(number) for number in range(1, MAX_LEADS + 1)}:
            raise ValueError(_("“%(text)s” is not a number from 1 to 4.") % {"text": value})
        return int(text)

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return value


class YesOrNo(widgets.Widget):
    """Empty leaves what is there."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> bool | None:
        text = str(value or "").strip().casefold()
        if text and text not in YES | NO:
            raise ValueError(_("“%(text)s” is neither 1 (yes) nor 0 (no).") % {"text": value})
        return text in YES if text else None

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> int:
        return int(bool(value))
