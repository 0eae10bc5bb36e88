"""Orders that go on being placed once the world is there, so that something is to be seen."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from random import Random
from uuid import uuid4

from ops.demo.catalogue import PRODUCTS, net, some
from ops.demo.chronicle import Step
from ops.demo.hearing import NotDone
from ops.demo.player import Player
from shared.contracts.credit.events import InvoiceIssued, PaymentRecorded
from shared.contracts.credit.requests import RecordPayment, WishedAllocation
from shared.contracts.customers.requests import ImportCustomer
from shared.contracts.orders.events import OrderConfirmed, OrderDelivered
from shared.contracts.orders.requests import DeliverOrder, NewLine, PlaceOrder, ShipOrder

BETWEEN_ORDERS_S = (1.0, 3.0)
BETWEEN_STEPS_S = (4.0, 12.0)


class Trading:
    """Customers that order, now; say: is told each thing that has happened, as a line."""

    def __init__(
        self, player: Player, customers: Sequence[ImportCustomer], say: Callable[[str], None]
    ) -> None:
        self._player = player
        self._customers = customers
        self._say = say
        self._rng = Random()  # noqa: S311  # a game, no secret

    async def go_on(self) -> None:
        """Place an order every other second, and see each through; never returns."""
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(self._see_through(self._rng.choice(self._customers)))
                await asyncio.sleep(self._rng.uniform(*BETWEEN_ORDERS_S))

    async def _see_through(self, customer: ImportCustomer) -> None:
        try:
            for step, what in stages(customer, self._lines(customer)):
                await self._player.take(step)
                self._say(f"{customer.name} {what}")
                await asyncio.sleep(self._rng.uniform(*BETWEEN_STEPS_S))
        except NotDone as reason:
            self._say(f"{customer.name} goes without: {reason}")

    def _lines(self, customer: ImportCustomer) -> list[NewLine]:
        products = self._rng.sample(PRODUCTS, self._rng.randint(1, 3))
        worth = customer.credit_limit / 20 / len(products)
        return [some(product, worth, customer.discount_rate) for product in products]


def stages(customer: ImportCustomer, lines: Sequence[NewLine]) -> Iterator[tuple[Step, str]]:
    """What becomes of a new order, and words for it; each happens when it is asked for."""
    customer_id, ref = customer.customer_id or "", f"LIVE-{uuid4().hex[:12]}"
    total, currency = net(lines, customer.discount_rate), customer.currency
    placed = PlaceOrder(
        external_ref=ref,
        customer_id=customer_id,
        order_date=datetime.now(UTC),
        currency=currency,
        lines=list(lines),
        total_amount=total,
    )
    yield Step(placed, OrderConfirmed), f"ordered for {total} {currency}: {ref}"
    shipped = ShipOrder(customer_id=customer_id, external_ref=ref, ship_date=datetime.now(UTC))
    yield Step(shipped, InvoiceIssued), f"is sent {ref} and its invoice"
    delivered = DeliverOrder(customer_id=customer_id, external_ref=ref, delivery_date=datetime.now(UTC))
    yield Step(delivered, OrderDelivered), f"has received {ref}"
    paid = RecordPayment(
        payment_id=f"{ref}-P",
        customer_id=customer_id,
        amount=total,
        currency=currency,
        received_at=datetime.now(UTC),
        allocations=[WishedAllocation(external_ref=ref, amount=total)],
    )
    yield Step(paid, PaymentRecorded), f"has paid {total} {currency} for {ref}"
