"""The words of reviews, in Portuguese, with line breaks and quotation marks as real customers write them."""

import numpy as np
import polars as pl

from dashboard.loading.demo.draw import Dice, Floats, Integers, named

Phrases = tuple[tuple[str, ...], ...]

# Share of the customers who write, by their score from 1 to 5: the angry write most.
COMMENTED = np.array([0.77, 0.68, 0.45, 0.31, 0.36])
TITLED = np.array([0.17, 0.15, 0.12, 0.1, 0.12])
MOODS = np.array([0, 0, 1, 2, 2])  # bad, mixed, good: the order of the phrases below

OPENINGS = (
    (
        "Não recebi o produto",
        "Péssima experiência, o prazo não foi cumprido",
        "Comprei duas unidades e recebi apenas uma",
        "Produto veio com defeito",
        "Ainda estou aguardando a entrega",
        "O produto não corresponde à foto do anúncio",
        'O site diz "entregue", mas nada chegou aqui',
        "Demorou demais para chegar",
    ),
    (
        "Produto bom, mas a entrega atrasou",
        "Esperava um pouco mais pela descrição",
        "A embalagem chegou amassada, o produto está inteiro",
        'Veio na cor errada: pedi "azul" e recebi preto',
        "Razoável pelo preço",
        "Atende, mas o acabamento poderia ser melhor",
    ),
    (
        "Produto excelente",
        "Chegou antes do prazo",
        "Muito bom, recomendo",
        "Entrega rápida e bem embalado",
        "Exatamente como no anúncio",
        "Superou as minhas expectativas",
        'Minha mãe adorou, disse que é "lindo demais"',
        "Ótima qualidade",
        "Tudo certo com a compra",
    ),
)
CLOSINGS = (
    (
        ".",
        "!!!",
        ". Quero meu dinheiro de volta.",
        ", e ninguém responde aos meus e-mails.",
        ".\n\nAguardo uma solução urgente.",
        ".\nNão compro mais nesta loja.",
        ". Entrei em contato três vezes, sem retorno.",
    ),
    (
        ".",
        ". De resto, tudo certo.",
        ".\nTalvez compre de novo.",
        ", por isso três estrelas.",
        ". Vou esperar para ver se dura.",
    ),
    (
        ".",
        "!",
        ". Parabéns à loja!",
        ".\nComprarei de novo com certeza.",
        ", obrigada!",
        ".\n\nNota 10, podem confiar.",
        ". Vendedor atencioso.",
    ),
)
HEADLINES = (
    ("Não recebi", "Não recomendo", "Péssimo", "Produto errado", "Decepcionado"),
    ("Regular", "Pode melhorar", "Mais ou menos", "Entrega atrasada"),
    ("Recomendo", "Super recomendo", "Ótimo", "Muito bom", "Excelente", "Nota 10"),
)


def titles(dice: Dice, numbers: Integers, scores: Integers) -> pl.Series:
    """The title of each review, mostly null."""
    return _written(
        dice, "title", numbers, TITLED[scores - 1], _phrases(dice, "headline", numbers, scores, HEADLINES)
    )


def comments(dice: Dice, numbers: Integers, scores: Integers) -> pl.Series:
    """The message of each review, or null."""
    opening = _phrases(dice, "opening", numbers, scores, OPENINGS)
    closing = _phrases(dice, "closing", numbers, scores, CLOSINGS)
    return _written(dice, "comment", numbers, COMMENTED[scores - 1], opening + closing)


def _phrases(dice: Dice, subject: str, numbers: Integers, scores: Integers, phrases: Phrases) -> pl.Series:
    """One of the phrases for each review's mood."""
    lengths = np.array([len(mood) for mood in phrases])
    ends = np.cumsum(lengths)[MOODS[scores - 1]]
    chosen = dice.integers(subject, numbers, ends - lengths[MOODS[scores - 1]], ends - 1)
    return named([phrase for mood in phrases for phrase in mood], chosen)


def _written(dice: Dice, subject: str, numbers: Integers, shares: Floats, texts: pl.Series) -> pl.Series:
    return texts.set(pl.Series(dice.shares(subject, numbers) >= shares), None)
