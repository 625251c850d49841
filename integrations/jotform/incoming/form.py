"""What the answers of one form say: which of them plays which role, and the files among them.

Webhook and API write the same submission differently; here both have become questions with
answers, so that they are understood alike.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from integrations.jotform.incoming.addresses import is_upload, is_web_address, tidy_url
from integrations.jotform.incoming.cleaning import clean_text, each_text, unescaped
from integrations.jotform.incoming.consent import consented
from integrations.jotform.roles import ANSWER_ROLES

# Words of a field's unique name, tried in this order where JOTFORM_FIELDS names no field.
GUESSES: dict[str, tuple[str, ...]] = {
    "dentist_name": (
        r"(nome|name).*dentist|dentist.*(nome|name)",
        r"dentist",
        r"\b(nome|name|fullname)\b",
    ),
    "dentist_email": (r"e ?mail",),
    "patient_name": (r"(nome|name).*(pacient|patient)", r"pacient|patient"),
    "tooth": (r"\b(dentes?|tooth)\b",),
    "consent": (
        r"consent|\btcle\b",
        r"lgpd|\bgdpr\b",
        r"aceit|accept|concord|\bagree|\btermos?\b|\bterms?\b",
        r"autoriz|authori|\bpermissao\b|\bpermission\b|anuencia",
        r"privacidade|privacy|\b(ciencia|ciente)\b"
        r"|tratamento ?(de|dos) ?(\w+ )?dados|data ?(processing|protection)",
    ),
}
_AGREEMENTS = "|".join([*GUESSES["consent"], "assinatura", "signature"])
_DETAILS = (
    r"mail|fone|phone|celular|whats|\bcr[om]\b|\bcpf\b|cnpj|endereco|address|\bdata\b|\bdate\b"
    r"|nascimento|birth|idade|\bage\b|sexo|gender|clinic|arquivo|\bfile|\bid\b"
    rf"|{_AGREEMENTS}"
)
NOT_MEANT: dict[str, str] = {
    "dentist_name": rf"pacient|patient|{_DETAILS}",
    "dentist_email": r"pacient|patient",
    "patient_name": _DETAILS,
}
FILE_NAME = re.compile(
    r"raio ?x|x ?ray|radiogra|panoram|periapica|arquivo|\bfiles?|upload|image[mn]?\b|foto"
)
_TOOTH = re.compile(r"(?<![\d.,])(?:[1-4]\.?[1-8]|[5-8]\.?[1-5])(?![.,]?\d)", re.ASCII)
# How PHP writes a list of choices, of which one may be "other".
_CHOICE = re.compile(r"[0-9]{1,3}|other")

T = TypeVar("T")


@dataclass(frozen=True)
class Submission:
    """One submission as far as it could be understood; what is missing is empty.

    `submitted_ms` is when it was sent, in milliseconds since 1970; `consent` is None where the
    form does not ask for it.
    """

    submission_id: str = ""
    form_id: str = ""
    answers: dict[str, object] = field(default_factory=dict)
    file_urls: tuple[str, ...] = ()
    dentist_name: str = ""
    dentist_email: str = ""
    patient_name: str = ""
    tooth: int | None = None
    consent: bool | None = None
    submitted_ms: int | None = None
    is_preview: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Question:
    """One question and its answer; `qid` is "" where a webhook does not tell it."""

    qid: str
    name: str
    answer: object = None
    is_upload: bool = False

    def is_meant(self, reference: str) -> bool:
        return reference in (self.qid, self.name, f"q{self.qid}_{self.name}")


@dataclass(frozen=True)
class Form:
    """The questions of one submission, and the roles that `field_map` gives them."""

    questions: tuple[Question, ...]
    field_map: Mapping[str, str]
    form_id: str = ""
    submission_id: str = ""

    def answers(self) -> dict[str, object]:
        return {one.qid: one.answer for one in self.questions if one.qid}

    def submission(self, plain: Mapping[str, Any] | None = None) -> Submission:
        """What the form says; `plain` holds fields sent beside it (nome, email, …)."""
        plain = plain or {}
        return Submission(
            submission_id=self.submission_id,
            form_id=self.form_id,
            answers=self.answers(),
            file_urls=self._file_urls(),
            dentist_name=self._said("dentist_name", _name) or clean_text(plain.get("nome")),
            dentist_email=self._said("dentist_email", _email) or _email(plain.get("email")),
            patient_name=self._said("patient_name", _name) or clean_text(plain.get("paciente")),
            tooth=self._said("tooth", parse_tooth) or parse_tooth(plain.get("dente")),
            consent=self._consent(),
        )

    def _role(self, role: str, convert: Callable[[object], T]) -> T:
        """The answer that plays `role`: that of the field mapped to it, else the best guess."""
        reference = str(self.field_map.get(role, "")).strip()
        if reference:
            fitting: Iterable[Question] = (q for q in self.questions if q.is_meant(reference))
        else:
            fitting = self._guesses(role)
        found = (convert(one.answer) for one in fitting)
        return next((one for one in found if one not in (None, "")), convert(None))

    def _said(self, role: str, convert: Callable[[object], T]) -> T:
        """Like `_role`, but signatures and files say nothing of people."""
        return self._role(role, lambda answer: convert(None if holds_files(answer) else answer))

    def _consent(self) -> bool | None:
        """Of several questions one refusal outweighs the others. A webhook leaves a box that is
        not ticked out: that there is one, only a mapped field tells."""
        reference = str(self.field_map.get("consent", "")).strip()
        if reference:
            asked = [one for one in self.questions if one.is_meant(reference)]
        else:
            asked = next(filter(None, self._guesses_by_pattern("consent")), [])
        said = [consented(one.answer, is_own_file=self._is_own_file) for one in asked]
        if asked:
            return True in said and False not in said
        is_form = bool(self.questions or self.submission_id)
        return False if reference and is_form else None

    def _guesses(self, role: str) -> Iterator[Question]:
        for found in self._guesses_by_pattern(role):
            yield from found

    def _guesses_by_pattern(self, role: str) -> Iterator[list[Question]]:
        refused = NOT_MEANT.get(role)
        free = [
            one
            for one in self.questions
            if not self._is_ours(one) and not (refused and re.search(refused, words(one.name)))
        ]
        for pattern in GUESSES[role]:
            yield [one for one in free if re.search(pattern, words(one.name))]

    def _is_ours(self, question: Question) -> bool:
        """Whether our answer is written there: it says nothing of who sent the form."""
        ours = (str(self.field_map.get(role, "")).strip() for role in ANSWER_ROLES)
        return any(question.is_meant(reference) for reference in ours if reference)

    def _file_urls(self) -> tuple[str, ...]:
        urls = (tidy_url(url) for one in self._film_questions() for url in texts(one.answer))
        return tuple(dict.fromkeys(filter(self._is_own_file, urls)))

    def _film_questions(self) -> list[Question]:
        """The mapped questions, else the answered upload fields: those named like films, if any.

        Other fields are never looked at: people can type any address there.
        """
        references = str(self.field_map.get("files", "")).split(",")
        if wanted := [reference.strip() for reference in references if reference.strip()]:
            return self._wanted(wanted)
        uploads = [one for one in self.questions if one.is_upload and any(texts(one.answer))]
        return [one for one in uploads if FILE_NAME.search(words(one.name))] or uploads

    def _wanted(self, references: list[str]) -> list[Question]:
        known = {one.qid for one in self.questions}
        # An upload field whose number is not told may be the one that is meant by its number.
        is_open = any(one.isdecimal() and one not in known for one in references)
        return [
            one
            for one in self.questions
            if any(map(one.is_meant, references)) or (is_open and one.is_upload and not one.qid)
        ]

    def _is_own_file(self, url: str) -> bool:
        return is_upload(url, form_id=self.form_id, submission_id=self.submission_id)


def in_order(questions: Iterable[Question]) -> tuple[Question, ...]:
    """By question number, the only order that webhook and API share; unknown numbers last."""
    return tuple(sorted(questions, key=lambda one: (not one.qid, len(one.qid), one.qid)))


def tidy_answer(value: object) -> object:
    """An answer without HTML escapes; choices that came as numbered keys become a list."""
    tidy = each_text(value, unescaped)
    if isinstance(tidy, dict) and tidy and all(map(_CHOICE.fullmatch, tidy)):
        return list(tidy.values())
    return tidy


def texts(value: object) -> list[str]:
    """The texts of an answer that is one or a list of them."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def holds_files(answer: object) -> bool:
    """Whether an answer is nothing but addresses or inline images (signatures)."""
    said = [text.strip() for text in texts(answer) if text.strip()]
    return bool(said) and all(one.startswith("data:") or is_web_address(one) for one in said)


def parse_tooth(value: object) -> int | None:
    """The one FDI number that the value names ("26", "dente 2.6"); None for none or several."""
    text = " ".join(clean_text(part) for part in (value if isinstance(value, list) else [value]))
    found = {int(match.replace(".", "")) for match in _TOOTH.findall(text)}
    return found.pop() if len(found) == 1 else None


def words(name: str) -> str:
    """A unique name as lower-case words: `nomeDoDentista2` → `nome do dentista`."""
    spaced = re.sub(r"(?<=[a-zà-ÿ])(?=[A-Z])", " ", name)
    plain = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode()
    return " ".join(re.sub(r"[^a-z]+", " ", plain.lower()).split())


def _name(value: object) -> str:
    if not isinstance(value, dict):
        return clean_text(value)
    parts = (clean_text(value.get(p)) for p in ("prefix", "first", "middle", "last", "suffix"))
    return " ".join(filter(None, parts))


def _email(value: object) -> str:
    text = clean_text(value)
    return text if "@" in text else ""
