"""FpML 5 messages that report a trade in a listed contract, read into what a trade needs.

Taken: `executionNotification` and `requestClearing` of one or more trades, and the trades of a
`dataDocument`; in listed futures and options (`instrumentTradeDetails`), and in European options paid
in cash (`equityOption`). All else is well formed and still not cleared here, and is refused by name.

Nothing outside the message is read: a document type, an entity or a message of more than a megabyte
is refused before its content is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from clearing.domain import amounts, codes
from clearing.domain.errors import Refusal, naming

MOST_BYTES = 1 << 20
MOST_TRADES = 1_000
NAMESPACE = "http://www.fpml.org/FpML-5/"
TAKEN = ("executionNotification", "requestClearing", "dataDocument")
NO_MARKET = "XXXX"  # ISO 10383: traded on none
LEI_SCHEME = "iso17442"
OPTIONS = ("equityOption", "equityOptionTransactionSupplement")
# What stands beside a trade's product without being one.
_NO_PRODUCT = (
    *("tradeHeader", "otherPartyPayment", "brokerPartyReference", "calculationAgent"),
    *("determiningParty", "hedgingParty", "collateral", "documentation", "governingLaw"),
    *("allocations", "approvals"),
)


class FpmlNotValid(Refusal):
    code = "fpml-not-valid"
    says = "This is no FpML message that can be read."


class FpmlIncomplete(Refusal):
    code = "fpml-incomplete"
    says = "The message does not say all that a trade needs."


class FpmlNotTaken(Refusal):
    code = "fpml-not-taken"
    says = "The message is well formed, but what it reports is not cleared here."


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A contract as the message describes it; empty where it does not say.

    `expiry` is a day (2013-03-20) or a month (2013-03). `size` is units of the underlying in one
    contract. `exchange` is where the contract is listed; one that is listed nowhere has none.
    """

    kind: str  # future | option
    ids: tuple[str, ...]  # of the contract, or of its underlying
    currency: str
    exchange: str
    expiry: str
    strike: str
    option_type: str
    size: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """`buyer` and `seller` are all that the message calls each, accounts before parties."""

    trade_id: str
    issuer: str  # whose id it is, and in which scheme
    trade_date: str
    product: Product
    contracts: str
    price: str
    buyer: tuple[str, ...]
    seller: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    kind: str
    message_id: str
    executions: tuple[Execution, ...]


def read(text: bytes) -> Message:
    """Raises FpmlNotValid, FpmlIncomplete, FpmlNotTaken naming the element, CodeNotValid for a wrong
    LEI; with the place of the trade at fault."""
    if len(text) > MOST_BYTES:
        raise FpmlNotValid(field="message", bytes=len(text), limit=MOST_BYTES)
    try:
        root = _Node(fromstring(text, forbid_dtd=True))
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        # LookupError: it declares an encoding that is unknown, or is none of text.
        raise FpmlNotValid(field="message", why=str(error)[:200] or type(error).__name__) from None
    if not root.namespace.startswith(NAMESPACE):
        raise FpmlNotValid(field="message", namespace=root.namespace[:100] or "none")
    if root.name not in TAKEN:
        raise FpmlNotTaken(field="message", message=root.name[:60], takes=" ".join(TAKEN))
    if root.text("isCorrection") == "true":
        raise FpmlNotTaken(field="isCorrection", why="a correction is reported as one, by trade id")
    package = root.find("tradePackage")
    if package is not None:
        legs = [_product_of(it).name for it in package.all("trade")]
        raise FpmlNotTaken(field="tradePackage", product="package", of=" ".join(legs) or "nothing")
    trades = list(root.all("trade"))
    if not 1 <= len(trades) <= MOST_TRADES:
        raise FpmlIncomplete(field="trade", trades=len(trades), limit=MOST_TRADES)
    parties = _parties(root)
    found = []
    for place, trade in enumerate(trades):
        with naming(place):
            found.append(_execution(trade, parties))
    return Message(
        kind=root.name, message_id=root.text("header/messageId"), executions=tuple(found)
    )


def _execution(trade: _Node, parties: dict[str, tuple[str, ...]]) -> Execution:
    node = _product_of(trade)
    if node.name == "instrumentTradeDetails":
        product, contracts, price = _listed(node)
    elif node.name in OPTIONS:
        product, contracts, price = _unlisted(node)
    else:
        raise FpmlNotTaken(field="product", product=node.name)
    identifier = trade.need("tradeHeader/partyTradeIdentifier")
    issued = identifier.need("tradeId")
    return Execution(
        trade_id=issued.said("tradeId"),
        issuer=f"{issued.get('tradeIdScheme')} {identifier.reference('partyReference')}",
        trade_date=trade.need("tradeHeader/tradeDate").said("tradeDate"),
        product=product,
        contracts=contracts,
        price=price,
        buyer=_names(node, "buyer", parties),
        seller=_names(node, "seller", parties),
    )


def _product_of(trade: _Node) -> _Node:
    for child in trade.children():
        if child.name not in _NO_PRODUCT:
            return child
    raise FpmlIncomplete(field="trade", why="it has no product")


def _listed(details: _Node) -> tuple[Product, str, str]:
    """A future or an option of an exchange: contracts are counted as the exchange does."""
    kinds = {it.name: it for it in details.children()}
    node = kinds.get("future") or kinds.get("option")
    if node is None:
        known = ("buyer", "seller", "quantity", "pricing", "principal", "settlement", "other")
        other = next((name for name in kinds if not name.startswith(known)), "nothing")
        raise FpmlNotTaken(field="instrumentTradeDetails", product=other)
    style = node.text("exerciseStyle")
    if style and style != "European":
        raise FpmlNotTaken(field="exerciseStyle", product=node.name, exercise=style)
    product = Product(
        kind=node.name,
        ids=tuple(it.said("instrumentId") for it in node.all("instrumentId")),
        currency=node.text("currency"),
        exchange=node.text("exchangeId"),
        expiry=node.text("maturity")
        or node.text("expirationDate/adjustableDate/unadjustedDate")
        or node.text("contractYearMonth"),
        strike=node.text("strike"),
        option_type=node.text("optionType").lower(),
        size=node.text("multiplier"),
    )
    quotes = list(details.all("pricing/quote"))
    if len(quotes) != 1:
        raise FpmlIncomplete(field="pricing", product=node.name, quotes=len(quotes))
    return (
        product,
        details.need("quantity/number").said("number"),
        quotes[0].need("value").said("value"),
    )


def _unlisted(node: _Node) -> tuple[Product, str, str]:
    """An option between two parties, if it is European and paid in cash."""
    exercise = node.need("equityExercise")
    style = next((it for it in exercise.children() if it.name.endswith("Exercise")), None)
    if style is None or style.name != "equityEuropeanExercise":
        named = style.name.removeprefix("equity").removesuffix("Exercise") if style else "none"
        raise FpmlNotTaken(field="equityExercise", product=node.name, exercise=named)
    settled = exercise.text("settlementType")
    if settled != "Cash":
        raise FpmlNotTaken(field="settlementType", product=node.name, settlement=settled or "none")
    single = node.need("underlyer/singleUnderlyer")
    underlying = next(iter(single.children()), None)
    ids = [it.said("instrumentId") for it in underlying.all("instrumentId")] if underlying else []
    number = node.need("numberOfOptions").said("numberOfOptions")
    size = node.text("optionEntitlement") or "1"
    product = Product(
        kind="option",
        ids=tuple(ids),
        currency=exercise.text("settlementCurrency"),
        exchange="",
        expiry=style.text("expirationDate/adjustableDate/unadjustedDate"),
        strike=node.need("strike/strikePrice").said("strikePrice"),
        option_type=node.text("optionType").lower(),
        size=size,
    )
    return product, number, _premium(node, product, number=number)


def _premium(node: _Node, product: Product, *, number: str) -> str:
    """For one unit of the underlying: as given for one option, or the whole over all of them."""
    one, all_of_it = "equityPremium/pricePerOption", "equityPremium/paymentAmount"
    premium = node.find(one) or node.need(all_of_it)
    if premium.text("currency") != product.currency:
        raise FpmlNotTaken(field="equityPremium", currency=premium.text("currency"))
    paid = amounts.decimal(premium.text("amount"), field="amount")
    options = amounts.decimal(number, field="numberOfOptions")
    units = amounts.decimal(product.size, field="optionEntitlement")
    if node.find(one) is None:
        units *= options
    if units <= 0:
        raise FpmlIncomplete(field="numberOfOptions", got=number)
    return format((paid / units).normalize(), "f")


def _parties(root: _Node) -> dict[str, tuple[str, ...]]:
    """What each party and account of the message is called, by its id within it."""
    found: dict[str, tuple[str, ...]] = {}
    for party in root.all("party"):
        names = []
        for it in party.all("partyId"):
            names.append(it.said("partyId"))
            if it.get("partyIdScheme").endswith(LEI_SCHEME):
                codes.check_lei(names[-1], field="partyId")
        found[party.get("id")] = tuple(names)
    for account in root.all("account"):
        found[account.get("id")] = tuple(it.said("accountId") for it in account.all("accountId"))
    return found


def _names(node: _Node, side: str, parties: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    account = node.reference(f"{side}AccountReference")
    party = node.reference(f"{side}PartyReference")
    names = (*parties.get(account, ()), *parties.get(party, ()))
    if not names:
        raise FpmlIncomplete(field=f"{side}PartyReference", reference=party or "none")
    return names


@dataclass(frozen=True, slots=True)
class _Node:
    """An element whose namespace is known, looked into by local names."""

    element: Any

    @property
    def name(self) -> str:
        return str(self.element.tag).rpartition("}")[2]

    @property
    def namespace(self) -> str:
        return str(self.element.tag).rpartition("}")[0].lstrip("{")

    def children(self) -> Iterator[_Node]:
        for child in self.element:
            yield _Node(child)

    def all(self, path: str) -> Iterator[_Node]:
        first, _, rest = path.partition("/")
        for child in self.children():
            if child.name == first:
                yield from child.all(rest) if rest else (child,)

    def find(self, path: str) -> _Node | None:
        return next(self.all(path), None)

    def need(self, path: str) -> _Node:
        found = self.find(path)
        if found is None:
            raise FpmlIncomplete(field=path.rpartition("/")[2], within=self.name)
        return found

    def text(self, path: str) -> str:
        found = self.find(path)
        return "" if found is None else str(found.element.text or "").strip()

    def said(self, name: str) -> str:
        """Its own text, which must be there and be of a sane length."""
        found = str(self.element.text or "").strip()
        if not found or len(found) > 100:
            raise FpmlIncomplete(field=name, got=found[:60] or "nothing")
        return found

    def get(self, name: str) -> str:
        return str(self.element.get(name) or "")

    def reference(self, path: str) -> str:
        found = self.find(path)
        return found.get("href") if found is not None else ""
