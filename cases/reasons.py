"""The sentences for the dentist that a new installation begins with. Staff edits them."""

from typing import Any

from django.apps import apps as installed

from cases.models import RejectionReason

Outcome = RejectionReason.Outcome

# Outcome, name in the list, text for the dentist (it goes out as it is), position.
INITIAL_REASONS: tuple[tuple[Outcome, str, str, int], ...] = (
    (
        Outcome.NOT_IN_CATALOGUE,
        "Linha desconhecida",
        "O implante aparece bem na radiografia, mas não corresponde a nenhuma linha do nosso"
        " catálogo. Se souber o fabricante ou tiver a etiqueta do implante, envie-nos: isso"
        " ajuda na busca.",
        10,
    ),
    (
        Outcome.NOT_IN_CATALOGUE,
        "Parecido com várias linhas",
        "O implante se parece com mais de uma linha e esta radiografia não permite dizer qual"
        " é. Uma periapical paralela, com foco na conexão, pode resolver.",
        20,
    ),
    (
        Outcome.NOT_IN_CATALOGUE,
        "Modelo antigo ou fora de linha",
        "O implante parece ser de um modelo antigo ou fora de linha, que ainda não está em"
        " nosso catálogo.",
        30,
    ),
    (
        Outcome.UNREADABLE,
        "Radiografia inclinada",
        "A radiografia foi feita com inclinação e deforma o implante. Envie, por favor, uma"
        " periapical paralela, com o feixe perpendicular ao implante.",
        10,
    ),
    (
        Outcome.UNREADABLE,
        "Plataforma ou ápice cortado",
        "A plataforma ou o ápice do implante ficou fora da imagem. Envie, por favor, uma"
        " radiografia que mostre o implante inteiro, da plataforma ao ápice.",
        20,
    ),
    (
        Outcome.UNREADABLE,
        "Pequena ou borrada",
        "O implante aparece pequeno demais ou borrado. Envie, por favor, o arquivo original"
        " da radiografia, sem reduzir nem comprimir a imagem.",
        30,
    ),
    (
        Outcome.UNREADABLE,
        "Sem contraste",
        "A radiografia está clara ou escura demais: roscas e conexão não aparecem. Envie, por"
        " favor, uma imagem com mais contraste.",
        40,
    ),
    (
        Outcome.UNREADABLE,
        "Foto de tela ou de filme",
        "A imagem é a foto de uma tela ou de um filme, com reflexos e deformação. Envie, por"
        " favor, o arquivo exportado pelo programa de radiografia.",
        50,
    ),
    (
        Outcome.UNREADABLE,
        "Cicatrizador ou coroa esconde a plataforma",
        "O cicatrizador, a coroa ou outro componente esconde a plataforma do implante. Se"
        " possível, envie uma radiografia sem o componente.",
        60,
    ),
    (
        Outcome.UNREADABLE,
        "Vários implantes, não se sabe qual",
        "A radiografia mostra vários implantes e não sabemos qual deve ser identificado."
        " Informe, por favor, o dente, ou envie uma imagem só desse implante.",
        70,
    ),
    (
        Outcome.UNREADABLE,
        "Nenhum implante visível",
        "Não encontramos nenhum implante nesta imagem. Confira, por favor, se o arquivo"
        " enviado é o correto.",
        80,
    ),
    (
        Outcome.UNREADABLE,
        "Não é radiografia",
        "A imagem enviada não é uma radiografia. Envie, por favor, uma radiografia periapical"
        " do implante.",
        90,
    ),
)


def ensure(sender: Any = None, apps: Any = installed, **kwargs: Any) -> None:
    """Write the first reasons where there are none, after a migration that has their table, and
    after a flush, which names no apps."""
    if not _is_known(apps) or RejectionReason.objects.exists():
        return
    RejectionReason.objects.bulk_create(
        [
            RejectionReason(outcome=outcome, label=label, text=text, position=position)
            for outcome, label, text, position in INITIAL_REASONS
        ],
        ignore_conflicts=True,
    )


def _is_known(apps: Any) -> bool:
    return "rejectionreason" in apps.all_models["cases"]
