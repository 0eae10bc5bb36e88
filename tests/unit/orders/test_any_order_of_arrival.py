"""Commands that do not exclude each other lead to one end, in whichever order and however often they come."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from services.orders.lifecycle import Change, confirm, expect_possible, take
from services.orders.placement import draft, numbered, taken_in
from services.orders.returns import after_return, asked, expect_repeat, take_back
from shared.contracts.orders.events import OrderState
from shared.contracts.orders.requests import PlaceOrder, ReturnOrder, StepOfOrder
from tests.support.order_builders import (
    ERP,
    NOW,
    a_customer,
    a_delivery,
    a_placement,
    a_return,
    a_shipment,
    a_start,
)

PLACED = a_placement("cust_1", external_ref="ERP-1")
CREDIT = "credit answers"
BOTH_DATES = (a_start(PLACED), a_shipment(PLACED), a_delivery(PLACED))
IN_PARTS = (
    a_return(PLACED, amount="30.00", return_id="R-1"),
    a_return(PLACED, amount="50.00", return_id="R-2"),
    a_return(PLACED, amount="20.00", return_id="R-3"),
)
LEGAL_SETS = (
    (PLACED, CREDIT, *BOTH_DATES),
    (PLACED, CREDIT, *BOTH_DATES, a_return(PLACED)),
    (PLACED, CREDIT, *BOTH_DATES, *IN_PARTS[:2]),
    (PLACED, CREDIT, *BOTH_DATES, *IN_PARTS),
    (PLACED, CREDIT, a_delivery(PLACED), a_return(PLACED)),
)


@dataclass
class Service:
    """What the handlers do, without a database."""

    order: OrderState | None = None
    waiting: list[StepOfOrder] = field(default_factory=list)
    returns: dict[str | None, object] = field(default_factory=dict)
    versions: list[int] = field(default_factory=list)

    def hear(self, message: object) -> None:
        match message:
            case PlaceOrder() if self.order is None:
                wanted = draft(message, ERP, numbered(message, NOW), a_customer())
                self.carry_out(taken_in(wanted, "SO-2024-001", NOW))
            case str() if self.order is not None:
                self.carry_out(confirm(self.order, NOW))
            case StepOfOrder() if self.order is None:
                self.waiting.append(message)
            case ReturnOrder():
                self.take_back(message)
            case StepOfOrder():
                assert self.order is not None
                change = take(self.order, message, NOW)
                if change is None:
                    self.waiting.append(message)
                else:
                    self.carry_out(change)

    def take_back(self, command: ReturnOrder) -> None:
        assert self.order is not None
        if expect_possible(self.order, "return") == "waits":
            self.waiting.append(command)
        elif command.return_id is not None and command.return_id in self.returns:
            expect_repeat(self.returns[command.return_id], command)  # type: ignore[arg-type]
        elif (event := take_back(self.order, command, NOW)) is not None:
            self.returns[command.return_id] = asked(command)
            self.carry_out(after_return(self.order, event, NOW))

    def carry_out(self, change: Change) -> None:
        self.versions += [event.version for event in change.events]
        self.order = change.order
        if change.moves and change.events:
            woken, self.waiting = self.waiting, []
            for command in woken:
                self.hear(command)


def end_of(messages: list[object]) -> tuple[Service, tuple[object, ...]]:
    service = Service()
    for message in messages:
        service.hear(message)
    service.hear(CREDIT)  # it answers every order, be it last of all
    order = service.order
    assert order is not None
    return service, (order.status, order.ship_date, order.delivery_date, order.returned_amount)


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[object], list[object]]:
    legal = list(draw(st.sampled_from(LEGAL_SETS)))
    repeated = draw(st.lists(st.sampled_from(legal), max_size=4))
    return legal, list(draw(st.permutations([*legal, *repeated])))


@given(arrivals())
def test_every_order_of_arrival_leads_to_the_same_end(case: tuple[list[object], list[object]]) -> None:
    legal, arrived = case

    service, end = end_of(arrived)

    assert end == end_of(legal)[1]
    assert service.versions == list(range(1, len(service.versions) + 1))
    assert service.waiting == []


def test_the_ends_are_what_the_commands_say() -> None:
    statuses = [end_of(list(legal))[1][0] for legal in LEGAL_SETS]

    assert statuses == ["delivered", "returned", "delivered", "returned", "returned"]
