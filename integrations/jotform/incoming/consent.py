"""Whether an answer gives the consent that a form asks for."""

import re
import unicodedata
from collections.abc import Callable

from integrations.jotform.incoming.cleaning import clean_text

_REFUSED = re.compile(
    # A Portuguese sentence may begin with "no" (in the) or "sem" (without).
    r"^(no|n|0|off|false|none|nenhum\w*)$|^no (thank|i )|^sem (consent|autoriz|aceit)"
    r"|^(eu |i )?(nao|not|never|nunca|recus\w*|discord\w*|declin\w*|disagree\w*|refus\w*"
    r"|reject\w*|rejeit\w*)\b"
    r"|\b(nao|not|don t|never|nunca) (\w+ )?"
    r"(aceit|autoriz|concord|consint|consent|permit|agree|accept|authori)"
)
_GIVEN = re.compile(
    r"^(s|y|x|1|on|ok|si|true)$"
    r"|\b(sim|yes|aceit[oae]\w*|accept\w*|agree\w*|concord[oae]\w*|autoriz(o|ei|ad[oa]|amos)"
    r"|authori[sz]ed?|consent\w*|consint\w*|permit[oe]\w*|ciente|declaro|confirm\w*|de acordo)\b"
)
_INLINE_FILE = re.compile(r"data:[^,]*,.")


def consented(answer: object, *, is_own_file: Callable[[str], bool]) -> bool | None:
    """True where the answer gives consent, False where it refuses, None where it does neither.

    Given is: any ticked box, a word of assent, a signature (an inline image, or an address
    that `is_own_file`). One refusal outweighs everything beside it.
    """
    if isinstance(answer, bool):
        return answer
    if isinstance(answer, list):
        said = [_ticked(one, is_own_file) for one in answer]
        return False if False in said else True if True in said else None
    text = clean_text(answer)
    if _is_address(text):
        return is_own_file(text) or bool(_INLINE_FILE.match(text)) or None
    words = _words(text)
    return False if _REFUSED.search(words) else True if _GIVEN.search(words) else None


def _ticked(option: object, is_own_file: Callable[[str], bool]) -> bool | None:
    said = consented(option, is_own_file=is_own_file)
    text = clean_text(option)
    return True if said is None and text and not _is_address(text) else said


def _is_address(text: str) -> bool:
    return text.startswith(("data:", "http://", "https://"))


def _words(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return " ".join(re.sub(r"[^a-z0-9]+", " ", plain).split())
