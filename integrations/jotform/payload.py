"""Reading what Jotform and plain clients send. Nothing here touches the database, and
nothing that a client can send raises."""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from django.utils.translation import gettext as _

from integrations.fetch import LOOPBACK
from integrations.jotform.cleaning import clean_text, each_text, redact, unescaped

__all__ = ["Submission", "clean_text", "parse", "parse_json", "parse_tooth", "redact"]

MAX_URL = 2000

_QUESTION = re.compile(r"^q(\d+)_(.+)$", re.DOTALL)
_TOOTH = re.compile(r"(?<![\d.,])(?:[1-4]\.?[1-8]|[5-8]\.?[1-5])(?![.,]?\d)", re.ASCII)

# Words of a field's unique name, tried in this order where JOTFORM_FIELDS names no field.
_GUESSES: dict[str, tuple[str, ...]] = {
    "dentist_name": (
        r"(nome|name).*dentist|dentist.*(nome|name)",
        r"dentist",
        r"\b(nome|name|fullname)\b",
    ),
    "dentist_email": (r"e ?mail",),
    "patient_name": (r"(nome|name).*(pacient|patient)", r"pacient|patient"),
    "tooth": (r"\b(dentes?|tooth)\b",),
}
_DETAILS = (
    r"mail|fone|phone|celular|whats|\bcr[om]\b|\bcpf\b|cnpj|endereco|address|\bdata\b|\bdate\b"
    r"|nascimento|birth|idade|\bage\b|sexo|gender|clinic|arquivo|\bfile|\bid\b"
)
_NOT_MEANT: dict[str, str] = {
    "dentist_name": rf"pacient|patient|{_DETAILS}",
    "dentist_email": r"pacient|patient",
    "patient_name": _DETAILS,
}
_FILE_NAME = re.compile(
    r"raio ?x|x ?ray|radiogra|panoram|periapica|arquivo|\bfiles?|upload|image[mn]?\b|foto"
)

T = TypeVar("T")


@dataclass(frozen=True)
class Submission:
    """One submission as far as it could be understood; what is missing is empty."""

    submission_id: str = ""
    form_id: str = ""
    answers: dict[str, object] = field(default_factory=dict)
    file_urls: tuple[str, ...] = ()
    dentist_name: str = ""
    dentist_email: str = ""
    patient_name: str = ""
    tooth: int | None = None
    is_preview: bool = False
    problem: str = ""


@dataclass(frozen=True)
class _Form:
    """The answers by question number, and each question's unique name."""

    answers: dict[str, object]
    names: dict[str, str]
    field_map: Mapping[str, str]

    def role(self, role: str, convert: Callable[[object], T]) -> T:
        """The answer that plays `role`: that of the field mapped to it, else the best guess."""
        reference = str(self.field_map.get(role, "")).strip()
        if reference:
            meant = (qid for qid, name in self.names.items() if _is_meant(reference, qid, name))
            return convert(self.answers.get(next(meant, "")))
        converted = (convert(self.answers.get(qid)) for qid in self._guesses(role))
        return next(filter(None, converted), convert(None))

    def _guesses(self, role: str) -> Iterable[str]:
        words = {qid: _words(name) for qid, name in self.names.items()}
        refused = _NOT_MEANT.get(role)
        for pattern in _GUESSES[role]:
            for qid, name in words.items():
                if re.search(pattern, name) and not (refused and re.search(refused, name)):
                    yield qid


def parse(fields: Mapping[str, str], *, field_map: Mapping[str, str]) -> Submission:
    """A delivery to /jotform: Jotform's form fields, or plain ones beside a file.

    `field_map` gives the question number or unique name of each role (JOTFORM_FIELDS).
    """
    raw, problem = _raw_request(fields.get("rawRequest", ""))
    questions = [(match, raw[match.string]) for match in map(_QUESTION.match, raw) if match]
    form = _Form(
        answers={match[1]: each_text(value, unescaped) for match, value in questions},
        names={match[1]: match[2] for match, _value in questions},
        field_map=field_map,
    )
    submission_id = clean_text(fields.get("submissionID"))
    form_id = clean_text(fields.get("formID")) or clean_text(raw.get("slug")).rpartition("/")[2]
    return replace(
        _people(form, fields),
        submission_id=submission_id,
        form_id=form_id,
        file_urls=_unique(
            url
            for url in _offered_urls(raw, str(field_map.get("files", "")))
            if _is_upload(url, form_id, submission_id)
        ),
        is_preview=str(raw.get("preview", "")).lower() == "true",
        problem=problem,
    )


def parse_json(
    body: Mapping[str, Any], *, field_map: Mapping[str, str] | None = None
) -> Submission:
    """The JSON form of a submission: `{"submissionID", "formID", "answers": {qid: {"answer"}}}`."""
    answers = body.get("answers")
    problem = "" if isinstance(answers, dict) else _("The submission came without answers.")
    entries = answers if isinstance(answers, dict) else {}
    values = {clean_text(qid): _answer_of(entry) for qid, entry in entries.items()}
    names = {
        clean_text(qid): clean_text(entry.get("name")) if isinstance(entry, dict) else ""
        for qid, entry in entries.items()
    }
    return replace(
        _people(_Form(answers=values, names=names, field_map=field_map or {}), body),
        submission_id=clean_text(body.get("submissionID")),
        form_id=clean_text(body.get("formID")),
        file_urls=_unique(
            url for value in values.values() for url in _texts(value) if _is_web_address(url)
        ),
        problem=problem,
    )


def parse_tooth(value: object) -> int | None:
    """The one FDI number that the value names ("26", "dente 2.6"); None for none or several."""
    text = " ".join(clean_text(part) for part in (value if isinstance(value, list) else [value]))
    found = {int(match.replace(".", "")) for match in _TOOTH.findall(text)}
    return found.pop() if len(found) == 1 else None


def _people(form: _Form, plain: Mapping[str, Any]) -> Submission:
    """A submission of which only its answers and what they say of people are known yet."""
    return Submission(
        answers=form.answers,
        dentist_name=form.role("dentist_name", _name) or clean_text(plain.get("nome")),
        dentist_email=form.role("dentist_email", _email) or _email(plain.get("email")),
        patient_name=form.role("patient_name", _name) or clean_text(plain.get("paciente")),
        tooth=form.role("tooth", parse_tooth) or parse_tooth(plain.get("dente")),
    )


def _raw_request(text: object) -> tuple[dict[str, Any], str]:
    if not text:
        return {}, _("The webhook came without the form's answers (rawRequest).")
    try:
        raw = json.loads(str(text))
    except (ValueError, RecursionError):
        raw = None
    if not isinstance(raw, dict):
        return {}, _("The form's answers (rawRequest) cannot be read.")
    return raw, ""


def _offered_urls(raw: Mapping[str, Any], references: str) -> list[str]:
    """What the upload fields hold: all of them, or those meant by `references` or by their
    names. Other fields are never looked at: people can type any address there."""
    fields = _upload_fields(raw)
    wanted = [reference.strip() for reference in references.split(",") if reference.strip()]
    if wanted:
        fields = [
            (qid, name)
            for qid, name in fields
            if not qid or any(_is_meant(one, qid, name) for one in wanted)
        ]
    else:
        fields = [one for one in fields if _FILE_NAME.search(_words(one[1]))] or fields
    return [unescaped(url).strip() for _qid, name in fields for url in _texts(raw.get(name))]


def _upload_fields(raw: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Question number ("" where unknown) and unique name of each upload field: those with
    upload tickets, else those that look like one."""
    tickets = raw.get("temp_upload")
    matches = [_QUESTION.match(key) for key in (tickets if isinstance(tickets, dict) else {})]
    fields = [(match[1], match[2]) for match in matches if match and _texts(raw.get(match[2]))]
    return fields or [
        ("", key)
        for key, value in raw.items()
        if isinstance(value, list)
        and any(map(_is_web_address, _texts(value)))
        and (not _QUESTION.match(key) or _FILE_NAME.search(_words(key)))
    ]


def _is_upload(url: str, form_id: str, submission_id: str) -> bool:
    """Whether it is the address of a file of this very submission."""
    if not _is_web_address(url):
        return False
    parts = urlsplit(url)
    if parts.hostname in LOOPBACK:
        # A stand-in on this machine; the downloader asks whether its host is allowed.
        return True
    is_safe = parts.scheme == "https"
    segments = [unquote(segment) for segment in parts.path.split("/")[1:]]
    if not is_safe or len(segments) < 5 or any(one in ("", ".", "..") for one in segments):
        return False
    folder, _user, form, submission = segments[:4]
    return (folder, form, submission) == ("uploads", form_id, submission_id)


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_plain = parts.username is None and parts.password is None
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and is_plain
            and len(url) <= MAX_URL
        )
    except ValueError:
        return False


def _is_meant(reference: str, qid: str, name: str) -> bool:
    return reference in (qid, name, f"q{qid}_{name}")


def _words(name: str) -> str:
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


def _answer_of(entry: object) -> object:
    return each_text(entry.get("answer") if isinstance(entry, dict) else entry, unescaped)


def _texts(value: object) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def _unique(urls: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(urls))
