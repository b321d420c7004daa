"""From a message's description of a contract to the one that is listed here, and to a trade of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal, localcontext

from clearing.domain import amendment, amounts
from clearing.domain.adjustment import plain
from clearing.domain.amendment import Codes
from clearing.domain.errors import Refusal
from clearing.domain.fpml import NO_MARKET, Execution, Product
from clearing.domain.instrument import Instrument, InstrumentUnknown
from clearing.domain.trade import Trade

LONGEST_ID = 20  # of the sender's own; the rest of our key says whose it is


class PartyUnknown(Refusal):
    code = "party-unknown"
    says = "No account was given for this party."
    remedy = "Say which account each party of the message trades for."


class ContractAmbiguous(Refusal):
    code = "contract-ambiguous"
    says = "More than one contract listed here fits the description."
    remedy = "Assign the contract its ISIN or its venue's own code."


class DescriptionDiffers(Refusal):
    code = "description-differs"
    says = "The contract of that code is listed here on other terms than the message says."


def matching(
    product: Product, terms: Mapping[str, Instrument], known: Mapping[str, Codes]
) -> Instrument:
    """The one contract, of those that its ids led to, that the product describes.

    Raises InstrumentUnknown, ContractAmbiguous, and DescriptionDiffers where the only one its ids
    name is on other terms.
    """
    found = [(it, differs(product, it, known.get(symbol, Codes()))) for symbol, it in terms.items()]
    fitting = [it for it, differing in found if differing is None]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        symbols = " ".join(sorted(it.symbol for it in fitting)[:10])
        raise ContractAmbiguous(field="instrumentId", symbols=symbols)
    if len(found) == 1 and found[0][1]:
        field, ours, theirs = found[0][1]
        raise DescriptionDiffers(field=field, symbol=found[0][0].symbol, listed=ours, said=theirs)
    raise InstrumentUnknown(
        field="instrumentId",
        ids=" ".join(product.ids)[:100] or "none",
        exchange=product.exchange or "none",
    )


def differs(product: Product, it: Instrument, known: Codes) -> tuple[str, str, str] | None:
    """(element, as listed, as said) of the first term that is another; None where all agree."""
    expiry = f"{it.expiry_at:%Y-%m-%d}" if it.expiry_at else "none"
    option_type = "" if it.is_call is None else "call" if it.is_call else "put"
    size = amendment.contract_size(it, known)
    strike = it.strike or Decimal(0)
    checks = [
        ("product", it.kind.value, product.kind, it.kind.value == product.kind),
        ("currency", it.quote, product.currency, product.currency in ("", it.quote)),
        ("exchangeId", known.mic, product.exchange, _same_market(product, known)),
        ("expirationDate", expiry, product.expiry, expiry.startswith(product.expiry)),
        ("optionType", option_type, product.option_type, product.option_type in ("", option_type)),
        ("strike", plain(strike), product.strike, _equal(product.strike, strike, "strike")),
    ]
    if product.exchange:
        checks.append(
            ("multiplier", plain(size), product.size, _equal(product.size, size, "multiplier"))
        )
    return next(((field, ours, said) for field, ours, said, same in checks if not same), None)


def _same_market(product: Product, known: Codes) -> bool:
    """A contract without a MIC here may be any exchange's; it was found by another code."""
    return not (product.exchange and known.mic) or product.exchange == known.mic


def _equal(text: str, number: Decimal, field: str) -> bool:
    return not text or amounts.decimal(text, field=field) == number


def venue_of(execution: Execution, *, venue: str) -> str:
    """Where it was matched. Raises DescriptionDiffers where a venue reports another's trade."""
    said = execution.product.exchange
    if venue and said and venue != said:
        raise DescriptionDiffers(field="exchangeId", listed=venue, said=said)
    return venue or said or NO_MARKET


def trade_of(
    execution: Execution, it: Instrument, known: Codes, parties: Mapping[str, str], *, venue: str
) -> Trade:
    """As the venue would report it. Raises PartyUnknown, NotANumber."""
    contracts = amounts.decimal(execution.contracts, field="number")
    size = amendment.contract_size(it, known)
    if not execution.product.exchange:
        size = amounts.decimal(execution.product.size, field="optionEntitlement")
    with localcontext(prec=80):
        quantity = plain(contracts * size)
    return Trade(
        trade_id=key_of(execution),
        venue=venue,
        symbol=it.symbol,
        quantity=quantity,
        price=execution.price,
        buyer=_account(execution.buyer, parties, field="buyerPartyReference"),
        seller=_account(execution.seller, parties, field="sellerPartyReference"),
    )


def key_of(execution: Execution) -> str:
    """The sender's id, and a mark of whose it is: two senders may both have a trade 1234."""
    issuer = hashlib.sha256(execution.issuer.encode()).hexdigest()[:8]
    own = execution.trade_id
    if len(own) > LONGEST_ID or not (own.isascii() and own.isprintable() and " " not in own):
        own = hashlib.sha256(own.encode()).hexdigest()[:LONGEST_ID]
    return f"{own}-{issuer}"


def _account(names: tuple[str, ...], parties: Mapping[str, str], *, field: str) -> str:
    for name in names:
        if name in parties:
            return parties[name]
    raise PartyUnknown(field=field, party=" ".join(names)[:100])
