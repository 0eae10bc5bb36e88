"""How an order begins: what its customer and its lines make of it, and what is a repeat. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256

from services.orders.dates import not_ahead
from services.orders.lifecycle import Change
from services.orders.pricing import Priced, counted_number, numbered_year, price
from shared.contracts.orders.answers import Status
from shared.contracts.orders.events import Line, OrderPlaced, OrderRejected, OrderState
from shared.contracts.orders.requests import NewLine, PlaceOrder, placed_id
from shared.contracts.values import PaymentTerms
from shared.errors import Refused
from shared.messaging import timestamp

NO_RATE = Decimal("0.00")
UNIT_PRICE_STEP = Decimal("0.0001")
_TOLD = (
    *("customer_id", "order_id", "external_ref", "source"),
    *("currency", "total_amount", "payment_terms"),
)

AddressMembers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Customer:
    """What an order takes over from its customer.

    Attributes:
        is_erased: Only a marker is left, and the other members are None.
        discount_rate: Percent.
    """

    is_erased: bool
    payment_terms: PaymentTerms | None
    discount_rate: Decimal | None
    shipping_address: AddressMembers | None


@dataclass(frozen=True, slots=True)
class Present:
    """An order that was taken in before under the same reference.

    digest: of what was said of it; None after an erasure.
    """

    order: OrderState
    digest: bytes | None


@dataclass(frozen=True, slots=True)
class Numbering:
    """When an order was ordered, and which number that gives it.

    Attributes:
        order_date: UTC.
        year: That of the date, whose numbers count.
        order_number: From outside; None where one is to be drawn.
        counted: What that one counts to; None where there is none.
    """

    order_date: datetime
    year: int
    order_number: str | None
    counted: int | None


@dataclass(frozen=True, slots=True)
class Draft:
    """An order that is to be taken in, but for a number that is to be drawn.

    Attributes:
        payment_terms: None of an unknown customer, whose order is rejected.
        digest: SHA-256 of what was said of the order.
    """

    order_id: str
    customer_id: str
    source: str
    external_ref: str
    numbering: Numbering
    currency: str
    lines: Sequence[Line]
    total_amount: Decimal
    payment_terms: PaymentTerms | None
    shipping_address: AddressMembers | None
    digest: bytes

    @property
    def status(self) -> Status:
        """With which it begins."""
        return "pending" if self.status_reason is None else "rejected"

    @property
    def status_reason(self) -> str | None:
        """Why it is rejected at once: only for want of a customer; else None."""
        return "unknown_customer" if self.payment_terms is None else None


def numbered(command: PlaceOrder, now: datetime) -> Numbering:
    """The order's date, and its number where the command names one.

    Raises:
        Refused: `date_in_future`, `order_date_out_of_range`, `order_number_invalid`.
    """
    order_date = not_ahead("order_date", command.order_date, now)
    year = numbered_year(order_date)
    number = command.order_number
    return Numbering(order_date, year, number, None if number is None else counted_number(number, year))


def draft(command: PlaceOrder, source: str, numbering: Numbering, customer: Customer | None) -> Draft:
    """The order that the command tells of; its `external_ref` is one of `source`.

    customer: None, or erased: an order of nobody known, priced without a rate; no address of it is kept.

    Raises:
        Refused: `total_out_of_range`, `total_mismatch`.
    """
    known = customer if customer is not None and not customer.is_erased else None
    priced = _priced(command, known)
    return Draft(
        order_id=placed_id(source, command.external_ref),
        customer_id=command.customer_id,
        source=source,
        external_ref=command.external_ref,
        numbering=numbering,
        currency=command.currency,
        lines=priced.lines,
        total_amount=priced.total_amount,
        payment_terms=None if known is None else known.payment_terms,
        shipping_address=None if known is None else _shipping_address(command, known),
        digest=digest(command),
    )


def taken_in(wanted: Draft, order_number: str, now: datetime) -> Change:
    """The order under its number: it waits for credit, or is rejected for want of a customer."""
    told = {name: getattr(wanted, name) for name in _TOLD}
    told |= {"order_number": order_number, "order_date": wanted.numbering.order_date, "version": 1}
    reason = wanted.status_reason
    order = OrderState(
        **told,
        status=wanted.status,
        status_reason=reason,
        ship_date=None,
        delivery_date=None,
        returned_amount=Decimal("0.00"),
        lines=list(wanted.lines),
        placed_at=now,
        updated_at=now,
    )
    said = {**told, "status": order.status, "previous_status": None}
    if reason is not None:
        return Change(None, order, [OrderRejected(**said, reason=reason)])
    return Change(None, order, [OrderPlaced(**said, lines=order.lines)])


def repeated(present: Present, command: PlaceOrder) -> OrderState:
    """The order as it stands, where the command says of it what was said before.

    After an erasure nothing is left to compare with.

    Raises:
        Refused: `external_ref_reused`.
    """
    is_same = present.digest is None or present.digest == digest(command)
    if not is_same or present.order.customer_id != command.customer_id:
        raise Refused("external_ref_reused", f"{command.external_ref} came before, with another content")
    return present.order


def digest(command: PlaceOrder) -> bytes:
    """Of the content alone: how members are ordered or numbers written makes no difference."""
    content = command.model_dump(mode="json")
    content["order_date"] = timestamp(command.order_date)
    for line, said in zip(content["lines"], command.lines, strict=True):
        line["unit_price"] = str(said.unit_price.quantize(UNIT_PRICE_STEP))
    return sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).digest()


def _priced(command: PlaceOrder, known: Customer | None) -> Priced:
    rate = None if known is None else known.discount_rate
    priced = price(command.lines, NO_RATE if rate is None else rate)
    is_certain = rate is not None or _has_own_rates(command.lines)
    if is_certain and command.total_amount not in (None, priced.total_amount):
        raise Refused("total_mismatch", f"the lines add up to {priced.total_amount}")
    return priced


def _has_own_rates(lines: Sequence[NewLine]) -> bool:
    return all(line.discount_rate is not None for line in lines)


def _shipping_address(command: PlaceOrder, customer: Customer) -> AddressMembers | None:
    """As it was sent, else the customer's."""
    if command.shipping_address is not None:
        return command.shipping_address.model_dump()
    return customer.shipping_address
