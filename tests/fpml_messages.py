"""FpML messages: the published specimens, and small ones of our own."""

from __future__ import annotations

from tests.feed_rows import DATA

SPECIMENS = DATA / "margin" / "fpml"
FUTURE = SPECIMENS / "sec-ex001-trade-execution-future.xml"
OPTION = SPECIMENS / "sec-ex002-trade-execution-exchange-traded-option.xml"
AMERICAN = SPECIMENS / "eqd-ex01-american-call-stock-long-form.xml"
EUROPEAN = SPECIMENS / "eqd-ex04-european-call-index-long-form.xml"
SUPPLEMENT = SPECIMENS / "eqd-ex16-equityOptionTransactionSupplement.xml"
PACKAGE = SPECIMENS / "pkg-ex60-request-clearing.xml"

PRICING = "<pricing><quote><value>{price}</value></quote></pricing>"
OPTION_TERMS = (
    "<multiplier>100</multiplier><expirationDate><adjustableDate><unadjustedDate>2013-03-20"
    "</unadjustedDate></adjustableDate></expirationDate><strike>9350</strike>"
    "<optionType>Call</optionType>"
)
FUTURE_TERMS = "<contractYearMonth>2013-03</contractYearMonth>"


def a_message(*trades: str, root: str = "executionNotification", before: str = "") -> bytes:
    return (
        f'{before}<{root} xmlns="http://www.fpml.org/FpML-5/confirmation" fpmlVersion="5-10">'
        "<header><messageId>m-1</messageId></header><isCorrection>false</isCorrection>"
        f"{''.join(trades or [a_trade()])}"
        '<party id="p1"><partyId>Party A</partyId></party>'
        '<party id="p2"><partyId partyIdScheme="http://www.fpml.org/coding-scheme/external/iso17442">'
        "HWUPKR0MPOU8FGXBT394</partyId></party>"
        '<account id="a1"><accountId>1111</accountId></account>'
        f"</{root}>"
    ).encode()


def a_trade(
    trade_id: str = "1234",
    *,
    product: str = "future",
    code: str = "ESH3",
    exchange: str = "XCME",
    terms: str = FUTURE_TERMS,
    number: str = "10",
    pricing: str = PRICING.format(price="1500.25"),
    buyer: str = '<buyerPartyReference href="p1"/>',
) -> str:
    return (
        "<trade><tradeHeader><partyTradeIdentifier>"
        f'<partyReference href="p1"/><tradeId tradeIdScheme="http://a/ids">{trade_id}</tradeId>'
        "</partyTradeIdentifier><tradeDate>2012-07-13</tradeDate></tradeHeader>"
        f'<instrumentTradeDetails>{buyer}<sellerPartyReference href="p2"/>'
        f"<{product}><instrumentId>{code}</instrumentId><currency>USD</currency>"
        f"<exchangeId>{exchange}</exchangeId>{terms}</{product}>"
        f"<quantity><number>{number}</number></quantity>{pricing}</instrumentTradeDetails></trade>"
    )
