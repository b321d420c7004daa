"""Codes of the field: real ones pass, and a wrong one is told its field and the right digit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain import codes
from clearing.domain.codes import CodeNotValid
from tests.domain.instruments import CALL, FUTURE, PERPETUAL, PUT, SPOT

# Published: registrants' own pages and the registries' search.
ISINS = ("US0378331005", "DE000BASF111", "GB0002634946", "XS0971721963")
LEIS = ("5493001KJTIIGC8Y1R12", "HWUPKR0MPOU8FGXBT394", "213800KUD8LAJWSQ9D15")
DTIS = (
    *("4H95J0R2X", "X9J9K872S", "9X1Z1NQG5", "3WCGMWKQM", "WGJSRNZGM", "J7KQCG93W", "44SDQ6NX0"),
    *("JGNDNLNNX", "ZFP9K2W9F"),
)
UPIS = ("QZRBG6ZTKS42",)
CHECKS = {
    "isin": (codes.check_isin, ISINS),
    "lei": (codes.check_lei, LEIS),
    "dti": (codes.check_dti, DTIS),
    "upi": (codes.check_upi, UPIS),
}
REAL = [(name, code) for name, (_, found) in CHECKS.items() for code in found]


@pytest.mark.parametrize(("name", "code"), REAL)
def test_published_codes_pass(name, code):
    assert CHECKS[name][0](code) == code


@given(st.sampled_from(REAL), st.data())
def test_one_wrong_character_is_found(real, data):
    """ISO 7064 and Luhn find every single substitution; Luhn on letters misses a few of them, as
    letters become two digits, so for ISINs digits alone are changed."""
    name, code = real
    places = [at for at, it in enumerate(code) if name != "isin" or it.isdigit()]
    at = data.draw(st.sampled_from(places))
    letters = "0123456789" if name == "isin" or code[at].isdigit() else "BCDFGHJKLMNPQRSTVWXZ"
    letter = data.draw(st.sampled_from(letters).filter(lambda it: it != code[at]))
    wrong = code[:at] + letter + code[at + 1 :]
    if name == "dti" and (wrong[:-1] == "4H95J0R2" or code == "4H95J0R2X"):
        return  # Bitcoin's is an exception, and is tested as one

    with pytest.raises(CodeNotValid) as refused:
        CHECKS[name][0](wrong)

    assert refused.value.field == name


@pytest.mark.parametrize(
    ("check", "wrong", "field", "expected"),
    [
        (codes.check_isin, "US0378331006", "isin", "5"),
        (codes.check_lei, "HWUPKR0MPOU8FGXBT395", "lei", "94"),
        (codes.check_dti, "X9J9K872T", "dti", "S"),
        (codes.check_dti, "4H95J0R2T", "dti", "X"),
        (codes.check_upi, "QZRBG6ZTKS43", "upi", "2"),
    ],
)
def test_a_wrong_check_digit_is_told_the_right_one(check, wrong, field, expected):
    with pytest.raises(CodeNotValid) as refused:
        check(wrong)

    assert refused.value.field == field
    assert refused.value.facts["expected"] == expected
    assert refused.value.facts["got"] == wrong


@pytest.mark.parametrize(
    ("check", "wrong"),
    [
        (codes.check_isin, ""),
        (codes.check_isin, "us0378331005"),
        (codes.check_isin, "US-037833100-5"),
        (codes.check_isin, "QQ0378331009"),
        (codes.check_lei, "HWUPKR0MPOU8FGXBT3944"),
        (codes.check_dti, "4H95J0R2"),
        (codes.check_dti, "0H95J0R2X"),
        (codes.check_dti, "AH95J0R2X"),
        (codes.check_dti, "YH95J0R2X"),
        (codes.check_upi, "QARBG6ZTKS42"),
        (codes.check_mic, "XDE"),
        (codes.check_mic, "xder"),
        (codes.check_mic, "XCME\n"),
        (codes.check_uti, "HWUPKR0MPOU8FGXBT394"),
        (codes.check_uti, "HWUPKR0MPOU8FGXBT395ABC"),
        (codes.check_uti, "HWUPKR0MPOU8FGXBT394" + "A" * 33),
    ],
)
def test_what_has_not_the_form_is_refused(check, wrong):
    with pytest.raises(CodeNotValid):
        check(wrong)


def test_a_uti_is_an_lei_and_the_generators_own():
    assert codes.check_uti("HWUPKR0MPOU8FGXBT394TRADE0001")
    assert codes.check_uti("HWUPKR0MPOU8FGXBT394" + "A" * 32)


# --- classes: the letters say what the instrument is ---------------------------------------------


@pytest.mark.parametrize(
    ("it", "cfi"),
    [
        (FUTURE, "FFICSX"),
        (PERPETUAL, "SFMXXC"),
        (PERPETUAL, "FFICSX"),
        (CALL, "OCECCS"),
        (PUT, "OPECCS"),
        (SPOT, "IFXXXP"),
    ],
    ids=lambda it: getattr(it, "symbol", it),
)
def test_a_class_that_agrees_passes(it, cfi):
    assert codes.check_cfi(cfi, it) == cfi


@pytest.mark.parametrize(
    ("it", "cfi", "why"),
    [
        (FUTURE, "OCECCS", "F"),
        (CALL, "OPECCS", "OC"),
        (PUT, "OCECCS", "OP"),
        (CALL, "OCACCS", "OCE"),
        (CALL, "OCECPS", "C in the fifth place"),
        (PERPETUAL, "ESVUFR", "S or F or J"),
        (CALL, "QQQQQQ", None),
        (CALL, "OCECC", None),
        (CALL, "ocECCS", None),
    ],
    ids=str,
)
def test_a_class_that_says_something_else_is_refused(it, cfi, why):
    with pytest.raises(CodeNotValid) as refused:
        codes.check_cfi(cfi, it)

    assert refused.value.field == "cfi"
    assert refused.value.facts.get("expected") == why


# --- currencies -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "scale"), [("USD", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4)])
def test_a_currency_has_its_own_minor_unit(code, scale):
    assert codes.check_currency(code, scale=scale) == code
    with pytest.raises(CodeNotValid) as refused:
        codes.check_currency(code, scale=scale + 1)
    assert refused.value.facts["expected"] == str(scale)


@pytest.mark.parametrize("code", ["BTC", "XBT", "USDC", "usd", "", "XAU", "XTS"])
def test_a_token_a_metal_or_a_test_code_is_no_currency(code):
    with pytest.raises(CodeNotValid):
        codes.check_currency(code, scale=2)
