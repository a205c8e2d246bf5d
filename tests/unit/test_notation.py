from decimal import Decimal

import pytest

from dashboard.notation import MISSING, Format, Notation, Number

MONEY, COUNT = Format.MONEY, Format.COUNT
ENGLISH, BRAZILIAN, GERMAN = Notation("en_US", "BRL"), Notation("pt_BR", "BRL"), Notation("de_DE", "EUR")
YEN, DINAR = Notation("en_US", "JPY"), Notation("en_US", "KWD")

REVENUE = Decimal("659682.58")


@pytest.mark.parametrize(
    ("notation", "written"),
    [
        (ENGLISH, "R$659,682.58"),
        (BRAZILIAN, "R$ 659.682,58"),
        (GERMAN, "659.682,58 €"),
        (YEN, "¥659,683"),
        (DINAR, "KWD659,682.580"),
    ],
)
def test_an_amount_has_the_digits_of_its_currency(notation: Notation, written: str) -> None:
    assert spaced(notation.exact(REVENUE, MONEY)) == written


@pytest.mark.parametrize(
    ("notation", "written"),
    [(ENGLISH, "R$659,683"), (BRAZILIAN, "R$ 659.683"), (GERMAN, "659.683 €"), (YEN, "¥659,683")],
)
def test_a_great_amount_is_headlined_without_cents_in_the_order_of_its_locale(
    notation: Notation, written: str
) -> None:
    assert spaced(notation.figure(REVENUE, MONEY)) == written


@pytest.mark.parametrize(
    ("value", "kind", "written"),
    [
        (Decimal("9999.99"), MONEY, "R$9,999.99"),
        (10_000, MONEY, "R$10,000"),
        (-12_345.6, MONEY, "-R$12,346"),
        (0, MONEY, "R$0.00"),
        (4_071, COUNT, "4,071"),
        (1_234_567, COUNT, "1,234,567"),
        (None, MONEY, MISSING),
        (None, COUNT, MISSING),
    ],
)
def test_a_headline_keeps_what_tells_something(value: Number | None, kind: Format, written: str) -> None:
    assert ENGLISH.figure(value, kind) == written


def test_what_is_missing_is_a_dash() -> None:
    assert ENGLISH.exact(None, MONEY) == ENGLISH.exact(None, COUNT) == MISSING


@pytest.mark.parametrize(
    ("notation", "value", "kind", "written"),
    [
        (ENGLISH, REVENUE, MONEY, "R$659.7K"),
        (ENGLISH, 999_950, MONEY, "R$999,950"),
        (ENGLISH, 12, MONEY, "R$12"),
        (ENGLISH, 1_234_567, COUNT, "1.2M"),
        (BRAZILIAN, REVENUE, MONEY, "R$ 659,7 mil"),
        (GERMAN, REVENUE, MONEY, "659.683 €"),
        (GERMAN, 1_234, MONEY, "1.234 €"),
        (GERMAN, 12_345, COUNT, "12.345"),
        (GERMAN, 1_234_567, COUNT, "1,2 Mio."),
        (YEN, REVENUE, MONEY, "¥659.7K"),
    ],
)
def test_a_label_is_short_in_every_locale(
    notation: Notation, value: Number, kind: Format, written: str
) -> None:
    assert spaced(notation.short(value, kind)) == written


@pytest.mark.parametrize(
    ("ratio", "written"),
    [(0.1234, "+12.3%"), (-0.1234, "-12.3%"), (0, "+0.0%"), (-0.0001, "+0.0%"), (12.5, "+1,250.0%")],
)
def test_a_change_has_a_sign_unless_it_is_too_small_to_show(ratio: float, written: str) -> None:
    assert ENGLISH.share(ratio) == written


def test_a_part_of_a_whole_is_written_in_per_cent_without_a_sign() -> None:
    assert [ENGLISH.exact(ratio, Format.SHARE) for ratio in (0, 0.1234, 1)] == ["0.0%", "12.3%", "100.0%"]
    assert spaced(GERMAN.exact(0.1234, Format.SHARE)) == "12,3 %"


def test_a_change_is_written_as_its_locale_does() -> None:
    assert spaced(GERMAN.share(0.1234)) == "+12,3 %"
    assert BRAZILIAN.share(-0.1234) == "-12,3%"


@pytest.mark.parametrize(
    ("notation", "symbol", "separators"),
    [(ENGLISH, "R$", ".,"), (BRAZILIAN, "R$", ",."), (GERMAN, "€", ",."), (YEN, "¥", ".,")],
)
def test_charts_get_symbol_and_separators(notation: Notation, symbol: str, separators: str) -> None:
    assert (notation.symbol, notation.separators) == (symbol, separators)


def spaced(written: str) -> str:
    """With plain spaces for the ones that do not break."""
    return written.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0 ms"),
        (0.0423, "42 ms"),
        (0.0996, "0.1 s"),
        (0.4216, "0.42 s"),
        (4.26, "4.3 s"),
        (9.96, "10 s"),
        (42.9, "42 s"),
        (119, "119 s"),
        (183, "3 min"),
        (7_200, "2 h"),
        (86_400 * 3, "3 days"),
        (86_400 * 2_000, "2,000 days"),
    ],
)
def test_a_duration_is_as_precise_as_one_reads_it(seconds: float, written: str) -> None:
    assert ENGLISH.duration(seconds) == ENGLISH.exact(seconds, Format.SECONDS) == written


def test_a_duration_has_the_signs_of_its_locale() -> None:
    assert GERMAN.duration(0.42) == "0,42 s"


@pytest.mark.parametrize(
    ("seconds", "written"), [(-3, "just now"), (0.9, "just now"), (1.9, "1 s ago"), (150, "2 min ago")]
)
def test_how_long_ago(seconds: float, written: str) -> None:
    assert ENGLISH.ago(seconds) == written
