"""Whether an answer gives the consent that a form asks for. In doubt it does not: a case that
waits is released by a person who asks, one that was processed cannot be taken back."""

import re
import unicodedata
from collections.abc import Callable

from integrations.jotform.incoming.cleaning import clean_text

_ONE_WORD = r"0|off|false"
_NEGATIONS = (
    r"nao|naum|not|non|nope|never|nunca|jamais|nem|neither|nor|none|nenhum\w*|nada|nil|cannot|dont"
    r"|\w+n t|n(?! \d)|without|(forma|modo|maneira|jeito|hipotese) alguma"
    r"|sem(?! (qualquer )?(restric|ressalv|reserv))"
    # "No" begins Portuguese sentences too (in the).
    r"|no (way|means|thanks?|i|consent|permission|authori[sz]ation|longer)"
)
_REFUSALS = (
    r"recus\w*|discord\w*|declin\w*|disagree\w*|refus\w*|reject\w*|rejeit\w*|desautoriz\w*"
    r"|neg(o|a|am|ar|ou|uei|ue|ad[oa]s?|amos|acao|ativ\w*)|den(y|ies|ied|ial)|unauthori\w*"
    r"|proib\w*|prohibit\w*|forbid\w*|vet(o|ou|ei|ad[oa])|oponho|opoe|oposicao|oppos\w*"
    r"|object(s|ed|ions?)?|(sou|somos) contra|against|dissent\w*|unwilling|withh\w*"
)
_WITHDRAWALS = (
    r"revog\w*|retir\w*|cancel\w*|withdr\w*|revok\w*|rescind\w*|anul\w*|desist\w*|desfa[cz]\w*"
    r"|opt out|stop|expir\w*|vencid\w*|invalid\w*"
)
_PENDING = (
    r"aguard\w*|penden\w*|pending|esper\w*|wait\w*|await\w*|falt(a|am|ando|ou)|tb[cd]|to be"
    r"|a (ser|confirmar|definir|obter|combinar)|talvez|maybe|perhaps|depois(?! de)|later|mas|porem"
    r"|but|exceto|except|unless|duvid\w*|doubt\w*|unsure|indecis\w*|undecided|pensar|think"
)
_REFUSED = re.compile(
    rf"^({_ONE_WORD})$|^no\b(?! (que|caso|ato|ambito|presente|tocante)\b)"
    rf"|\b({_NEGATIONS}|{_REFUSALS}|{_WITHDRAWALS}|{_PENDING})\b"
)
_ENDS_IN_NO = re.compile(r"\bno\s*([^\w\s]|$)", re.IGNORECASE)
# What consent forms say about the right to withdraw is no withdrawal.
_RIGHT_TO_WITHDRAW = re.compile(
    r"\b(posso|poder\w*|podendo|pode|may|can) (\w+ ){0,3}(revog|retir|cancel|withdr|revok)\w* "
    r"(\w+ ){0,5}(a qualquer (momento|tempo)|at any (time|moment))\b"
)
# The bare nouns are no assent: "consentimento" alone may be asked for, or be missing.
_NOUN = r"(consent\w*|autorizac\w*|authori[sz]ation|permiss\w*|anuencia|aceite|termo)"
_GIVEN = re.compile(
    r"^(s|y|x|1|on|ok|si|true)$"
    r"|\b(sim|yes|aceit(o|os|a|as|e|ei|ou|am|amos|ad[oa]s?)|accept(s|ed)?|agree[sd]?"
    r"|concord(o|a|e|ei|ou|am|amos)|autoriz(o|a|ei|ou|am|amos|ad[oa]s?)|authori[sz]e[sd]?"
    r"|consinto|consente|consenti|consentiu|consentimos|consentid[oa]|consents|consented"
    r"|(i|we)( \w+)? consent|permit(o|e|em|imos|iu|id[oa])?|ciente|declaro|de acordo"
    r"|confirm(o|a|s|ed|ei|ou|amos|ad[oa])?"
    rf"|{_NOUN} (\w+ ){{0,2}}(dad[oa]|concedid[oa]|obtid[oa]|assinad[oa]|given|granted|obtained"
    r"|signed|ok)"
    rf"|(dou|dei|damos|concedo|tenho|temos|obtive|give|gave|grant|have) (\w+ ){{0,4}}{_NOUN})\b"
)
_INLINE_FILE = re.compile(r"data:[^,]*,.")
_TICKS = frozenset("✓✔☑✅🗹👍")


def consented(answer: object, *, is_own_file: Callable[[str], bool]) -> bool | None:
    """True where the answer gives consent, False where it refuses or leaves a doubt, None where
    it says nothing of it.

    Given is: any ticked box, a word of assent, a signature (an inline image, or an address
    that `is_own_file`). One negation, refusal, withdrawal or delay outweighs everything beside it.
    """
    if isinstance(answer, bool):
        return answer
    if isinstance(answer, list):
        said = [_ticked(one, is_own_file) for one in answer]
        return False if False in said else True if True in said else None
    text = clean_text(answer)
    if _is_address(text):
        return is_own_file(text) or bool(_INLINE_FILE.match(text)) or None
    words = _RIGHT_TO_WITHDRAW.sub(" ", _words(text))
    if _REFUSED.search(words) or _ENDS_IN_NO.search(text):
        return False
    return True if _GIVEN.search(words) else None


def _ticked(option: object, is_own_file: Callable[[str], bool]) -> bool | None:
    said = consented(option, is_own_file=is_own_file)
    text = clean_text(option)
    # A box whose words are in a script that is not read here may say anything.
    is_read = bool(_words(text)) or text[:1] in _TICKS
    return True if said is None and text and is_read and not _is_address(text) else said


def _is_address(text: str) -> bool:
    return text.startswith(("data:", "http://", "https://"))


def _words(text: str) -> str:
    """Lower-case ASCII words; an apostrophe of any kind parts them, what is unseen does not."""
    parts = unicodedata.normalize("NFKD", text)
    seen = "".join(one for one in parts if unicodedata.category(one) not in ("Mn", "Cf"))
    return " ".join(re.sub(r"[^a-z0-9]+", " ", seen.lower()).split())
