"""The shapes in which a submission has been seen to arrive, each by a name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from integrations.jotform.simulation.simulator import UPLOAD_QUESTION, Answer, SimulatedSubmission

SECOND_UPLOAD = "q8_radiografiaAnterior"
DOCUMENT = "q9_documento"
ODD_UPLOAD = "q39_q39_fileupload37"
# One white pixel.
SIGNATURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEA"
    "G7buVgAAAABJRU5ErkJggg=="
)
COMPOUND: dict[str, Answer] = {
    "q20_telefone": {"full": "(11) 90000-0000"},
    "q21_telefoneComercial": {"area": "11", "phone": "3000-0000"},
    "q22_endereco": {
        "addr_line1": "Rua Exemplo, 1",
        "addr_line2": "",
        "city": "São Paulo",
        "state": "SP",
        "postal": "01000-000",
    },
    "q23_data": {"month": "11", "day": "21", "year": "2026"},
    "q24_hora": {"timeInput": "10:30", "hourSelect": "10", "minuteSelect": "30", "ampm": "AM"},
    "q25_consulta": {
        "implementation": "new",
        "date": "",
        "duration": "60",
        "timezone": "America/Sao_Paulo (GMT-03:00)",
    },
    "q26_tabela": {"colIds": '["0","1"]', "rowIds": '["0"]'},
    "q27_queixas": ["Dor", "Mobilidade"],
}


@dataclass(frozen=True)
class Shape:
    """How a submission is changed into this shape, and how its request is sent."""

    says: str
    change: Callable[[SimulatedSubmission], SimulatedSubmission] = lambda submission: submission
    encoding: str = "multipart"
    has_token_in_path: bool = False
    is_signed: bool = False


def _answering(**answers: Answer) -> Callable[[SimulatedSubmission], SimulatedSubmission]:
    def change(submission: SimulatedSubmission) -> SimulatedSubmission:
        return replace(submission, answers={**submission.answers, **answers})

    return change


def _uploading(
    names: Callable[[str], Mapping[str, list[str]]],
) -> Callable[[SimulatedSubmission], SimulatedSubmission]:
    """`names` makes upload questions and file names of the one film's name."""

    def change(submission: SimulatedSubmission) -> SimulatedSubmission:
        return replace(submission, uploads=names(submission.uploads[UPLOAD_QUESTION][0]))

    return change


def _odd(submission: SimulatedSubmission) -> SimulatedSubmission:
    odd: dict[str, Answer] = {"q51_selectSession-2": "a", "q12_q12_dropdown1": "b"}
    (film,) = submission.uploads.values()
    return replace(submission, answers={**submission.answers, **odd}, uploads={ODD_UPLOAD: film})


def _unanswered(submission: SimulatedSubmission) -> SimulatedSubmission:
    answers: dict[str, Answer] = {
        "q3_nomeDoDentista": {"first": "", "last": ""},
        "q4_email": "",
        "q6_dente": "",
        "q10_consentimento": "",
    }
    return replace(submission, answers=answers)


def _typed(submission: SimulatedSubmission) -> SimulatedSubmission:
    url = submission.upload_base + submission.upload_path("typed.png")
    return _answering(q14_observacoes=url, q15_opcoes=[url])(submission)


def _old(submission: SimulatedSubmission) -> SimulatedSubmission:
    return replace(submission, is_old=True, says_when=False)


SHAPES: dict[str, Shape] = {
    "plain": Shape("multipart, 23 fields, one film"),
    "urlencoded": Shape("application/x-www-form-urlencoded", encoding="urlencoded"),
    "token-in-path": Shape("the secret in the path; needs --token", has_token_in_path=True),
    "signed": Shape("x-jf-signature over the raw body; needs --secret", is_signed=True),
    "several-files": Shape(
        "several files in one field",
        _uploading(lambda name: {UPLOAD_QUESTION: [name, f"2 {name}", f"3 {name}"]}),
    ),
    "several-uploads": Shape(
        "several upload fields, one of them for documents",
        _uploading(
            lambda name: {
                UPLOAD_QUESTION: [name],
                SECOND_UPLOAD: [f"antes {name}"],
                DOCUMENT: [f"termo {name}"],
            }
        ),
    ),
    "file-name": Shape(
        "a file name with spaces, accents and signs",
        _uploading(lambda name: {UPLOAD_QUESTION: [f"raio x çã & (1); 50% {name}"]}),
    ),
    "full-name": Shape(
        "names with prefix, middle name and suffix",
        _answering(
            q3_nomeDoDentista={
                "prefix": "Dra.",
                "first": "Ana",
                "middle": "de",
                "last": "Exemplo",
                "suffix": "Jr.",
            }
        ),
    ),
    "text-name": Shape(
        "names as one text", _answering(q3_nomeDoDentista="Dra. Exemplo", q6_dente="dente 2.6")
    ),
    "compound": Shape(
        "telephone, address, date, time, appointment, table, boxes", _answering(**COMPOUND)
    ),
    "boxes": Shape(
        "consent as a ticked box", _answering(q10_consentimento=["Li e aceito os termos"])
    ),
    "consent-refused": Shape("consent refused", _answering(q10_consentimento="Não")),
    "signature": Shape(
        "consent as a signature, an inline image", _answering(q10_assinaturaDoTermo=SIGNATURE)
    ),
    "unanswered": Shape("nothing answered, or absent, but for the film", _unanswered),
    "odd-keys": Shape("q51_selectSession-2, q39_fileupload37 and the like", _odd),
    "unknown": Shape(
        "fields and keys that nobody knows yet",
        lambda one: replace(
            one, extra={"futureKey": {"a": [1]}}, extra_fields={"futureField": "x"}
        ),
    ),
    "typed-address": Shape("a file's address typed into text fields, which is no film", _typed),
    "preview": Shape("a preview, not to be processed", lambda one: replace(one, is_preview=True)),
    "year-2024": Shape("without submitDate", lambda one: replace(one, says_when=False)),
    "year-2020": Shape(
        "9 fields, no upload tickets, a signature",
        lambda one: _old(_answering(q10_assinaturaDoTermo=SIGNATURE)(one)),
    ),
    "year-2017": Shape(
        "9 fields, answers with &quot; and &#039;",
        lambda one: replace(
            _old(_answering(q5_nomeDoPaciente={"first": "D'Paciente", "last": '"Fi" & Cia'})(one)),
            is_escaped=True,
        ),
    ),
}
