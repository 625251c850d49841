"""Whether a submission gives consent: which question is asked for it, what counts as given."""

from dataclasses import replace
from typing import Any

import pytest

from integrations.jotform.incoming.form import Submission
from integrations.jotform.incoming.payload import parse
from integrations.jotform.simulation.shapes import SIGNATURE
from integrations.jotform.simulation.simulator import SimulatedSubmission, webhook_fields

FORM = SimulatedSubmission.form_id
SUBMISSION = "6312345678901234567"
UPLOADS = f"https://www.jotform.com/uploads/clinica_exemplo/{FORM}/{SUBMISSION}"
PLAIN = SimulatedSubmission(submission_id=SUBMISSION)
FILM = f"{UPLOADS}/radiografia.png"


def row(wording: str, *values: Any) -> Any:
    return pytest.param(*values, id=wording)


def understood(submission: SimulatedSubmission = PLAIN, **raw: object) -> Submission:
    changed = replace(submission, extra={**submission.extra, **raw})
    return parse(dict(webhook_fields(changed)), field_map={})


@pytest.mark.parametrize(
    "name",
    [
        *("consent", "consentimento", "consentimentoDoPaciente", "aceite", "aceitoOsTermos"),
        *("termo", "termosDeUso", "lgpd", "autorizacao", "autorizo", "concordo", "termsConditions"),
        *("privacidade", "politicaDePrivacidade", "privacyPolicy", "ciencia", "ciente", "tcle"),
        *("tratamentoDeDados", "tratamentoDosMeusDados", "gdpr", "permissao", "anuencia"),
    ],
)
def test_consent_is_found_by_its_name(name: str) -> None:
    submission = understood(**{f"q9_{name}": "Sim"})

    assert submission.consent
    assert submission.dentist_name == "Dra. Exemplo"
    assert submission.patient_name == "Paciente Fictício"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "observacoes",
            "comentarios",
            "ciencias",
            "paciencia",
            "tratamento",
            "tratamentoDentario",
        ),
        *("dadosDoTratamento", "dadosClinicos", "sentimento", "permissionario", "termometro"),
    ],
)
def test_a_question_of_another_kind_asks_for_no_consent(name: str) -> None:
    assert understood(**{f"q9_{name}": "Não sei dizer"}).consent is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        row("a ticked box", ["Li os termos"], True),
        row("ticked boxes as numbered keys", {"0": "Li", "1": "Entendi"}, True),
        row("radio: Sim", "Sim", True),
        row("radio: yes", "yes", True),
        row("Aceito", "Aceito", True),
        row("Autorizo", "Autorizo o uso das imagens", True),
        row("a widget's Accepted", "Accepted", True),
        row("a sentence", "Li e concordo com o termo de consentimento", True),
        row("1", "1", True),
        row("a sentence that begins with No", "No que me cabe, aceito", True),
        row("true", True, True),
        row("a signature as data URI", SIGNATURE, True),
        row("a signature as URL", f"{UPLOADS}/{SUBMISSION}_signature_9.png", True),
        row("empty", "", False),
        row("null", None, False),
        row("no box ticked", [], False),
        row("blank boxes", ["", " "], False),
        row("Não", "Não", False),
        row("NÃO", " NÃO ", False),
        row("no", "no", False),
        row("recuso", "Recuso", False),
        row("No, thanks in a box", ["No, thanks"], False),
        row("No in a box", ["No"], False),
        row("sem consentimento", ["Sem consentimento"], False),
        row("não aceito", "Não aceito", False),
        row("eu não autorizo", "Eu não autorizo", False),
        row("I do not agree", "I do not agree", False),
        row("I don't consent", "I don&#039;t consent", False),
        row("discordo", "Discordo", False),
        row("a ticked refusal", ["Não autorizo"], False),
        row("assent and refusal", ["Sim", "Não"], False),
        row("false", False, False),
        row("0", "0", False),
        row("a number of an authorisation", "123456", False),
        row("a date", {"month": "11", "day": "21", "year": "2026"}, False),
        row("an empty data URI", "data:image/png;base64,", False),
        row("another address", "https://example.com/termo.pdf", False),
        row("another address in a box", ["https://example.com/termo.pdf"], False),
    ],
)
def test_consent_is_given_or_not(answer: object, expected: bool) -> None:
    assert understood(q9_consentimento=answer).consent is expected


@pytest.mark.parametrize(
    "answer",
    [
        *("I don’t agree", "I don‘t consent", "I dont agree", "I don´t agree", "I can’t agree"),
        *("Revogo o consentimento", "Retiro meu consentimento", "Cancelo o consentimento"),
        *("I withdraw my consent", "Consent withdrawn", "Desisto, já não autorizo"),
        *("Nego o consentimento", "Consentimento negado", "consent refused", "Consent denied"),
        *(
            "Consentimento: não",
            "Consent: No",
            "Consent: no.",
            "Consent? No, sorry",
            "No, I refuse",
        ),
        *("Aceita? não", "Aceito não", "Aceito, n\u200bão", "Li os termos e não estou de acordo"),
        *("Sem o consentimento", "Jamais autorizo", "Nem consinto", "De forma nenhuma concordo"),
        *("Concordo de forma alguma", "Sou contra, embora ciente", "I have no permission"),
        *(
            "Aguardo consentimento",
            "Falta o consentimento",
            "Autorização pendente",
            "Sim, mas depois",
        ),
        *("Consentimento", "Vou autorizar", "Solicitei o consentimento", "Talvez eu autorize"),
        "Aceito que os dados não sejam usados para publicidade",
        *(["Prefiro não"], ["Desautorizo"], ["Nego"], ["Jamais"], ["N/A"], ["Autorização negada"]),
        *(["Sim", "Revogo"], ["Talvez"], ["Нет"], ["❌"], ["Consentimento revogado"], ["I don’t"]),
    ],
    ids=str,
)
def test_a_refusal_a_withdrawal_and_a_doubt_are_no_consent(answer: object) -> None:
    assert understood(q9_consentimento=answer).consent is False


@pytest.mark.parametrize(
    "answer",
    [
        *("Sim, autorizo o uso da radiografia", "Li e aceito os termos", "SIM", "Sim.", "s", "ok"),
        *("Declaro que o paciente consentiu", "O paciente consentiu", "Consinto", "Eu consinto"),
        *("Dou meu consentimento", "Tenho o consentimento do paciente", "Consentimento: sim"),
        *("Consentimento assinado", "Termo de consentimento assinado", "Consent given"),
        *("I consent", "I hereby consent", "I have read and agree", "We authorize its use"),
        *("Estou ciente e de acordo", "Paciente autorizou", "Autorizado pelo paciente"),
        *("Autorizo o uso no tratamento", "Aceito sem restrições", "Aceito o contrato n. 5"),
        "Autorizo o tratamento e sei que posso revogar o consentimento a qualquer momento",
        "I agree and may withdraw my consent at any time",
        *(["Li e aceito a política de privacidade"], ["✓"], ["Estou ciente"], ["Consentimento"]),
    ],
    ids=str,
)
def test_what_consent_forms_usually_say_is_consent(answer: object) -> None:
    assert understood(q9_consentimento=answer).consent is True


def test_without_a_question_of_consent_nothing_is_asked() -> None:
    assert understood().consent is None


def test_consent_is_read_from_the_mapped_field_only() -> None:
    fields = dict(webhook_fields(replace(PLAIN, extra={"q9_consent": "Sim", "q10_a": "Sim"})))

    assert parse(fields, field_map={"consent": "10"}).consent
    assert parse(fields, field_map={"consent": "a"}).consent
    assert not parse(fields, field_map={"consent": "6"}).consent
    # It names a question that the webhook left out: a box that is not ticked.
    assert parse(fields, field_map={"consent": "99"}).consent is False


def test_the_best_named_question_of_consent_decides() -> None:
    assert not understood(q9_aceiteDeEmails="Sim", q10_consentimento="Não").consent
    assert understood(q9_aceiteDeEmails="Não", q10_consentimento="Sim").consent


def test_a_question_that_is_named_better_and_was_not_answered_is_not_made_up_for() -> None:
    assert understood(q9_aceiteDeEmails="Sim", q10_consentimento="").consent is False


def test_a_signed_document_is_consent_and_no_film() -> None:
    signed = replace(PLAIN, uploads={**PLAIN.uploads, "q9_termoAssinado": ["termo.pdf"]})

    assert understood(signed).consent
    assert understood(signed).file_urls == (FILM,)
