"""One customer's whole life, so that every message is sent and every route answers in every way it can."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx

from shared.contracts.credit.requests import (
    ExportCredit,
    GetCreditAnalytics,
    IssueCreditNote,
    IssueInvoice,
    RecordPayment,
    WishedAllocation,
    WriteOff,
)
from shared.contracts.customers.requests import (
    EraseCustomer,
    ExportCustomer,
    FindCustomers,
    GetCustomer,
    ImportCustomer,
)
from shared.contracts.customers.topics import STATE as CUSTOMERS
from shared.contracts.orders.requests import (
    CancelOrder,
    DeliverOrder,
    ExportOrders,
    GetOrderAnalytics,
    NewLine,
    PlaceOrder,
    ReturnOrder,
    ShipOrder,
    StartProcessing,
    placed_id,
)
from shared.contracts.values import Address
from shared.ids import new_message_id
from shared.messaging import Answer, Command, Request
from shared.rpc import Asking
from tests.support.builders import (
    Body,
    a_contact_body,
    a_create,
    a_customer_body,
    a_customer_id,
    a_record,
    an_address,
    an_envelope,
)
from tests.support.system import InProcess

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ERP = "/erp"
UPSTAIRS = an_address(line2="Floor 3")
EVERYTHING = {
    "phone": "+1-555-0456",
    "fax": "+1-555-0457",
    "website": "https://customerxyz.example",
    "tax_id": "98-7654321",
    "billing_address": UPSTAIRS,
    "shipping_address": an_address(),
    "payment_terms": "net_30",
    "currency": "USD",
    "credit_limit": 5000,
    "discount_rate": 2.5,
    "preferred_shipping": "UPS_GROUND",
    "is_active": True,
    "notes": "High-value customer with consistent orders",
}


LINES = [  # 299.95 in all
    NewLine(
        product_id=f"prod_{number}",
        product_name=name,
        quantity=quantity,
        unit_price=Decimal(price),
        discount_rate=Decimal(discount),
    )
    for number, name, quantity, price, discount in (
        (123, "Smart Widget", 2, "50.00", "5.00"),
        (124, "Sensor Kit", 3, "49.95", "0.00"),
        (125, "Mounting Rail", 1, "58.00", "5.00"),
    )
]


def on(day: int) -> datetime:
    """A day of January 2024."""
    return datetime(2024, 1, day, tzinfo=UTC)


class Conversation:
    """What was answered.

    Attributes:
        answers: Of the gateway, in their order.
        replies: What was answered over a topic, each with its request.
    """

    def __init__(self, app: InProcess) -> None:
        self.answers: list[httpx.Response] = []
        self.replies: list[tuple[Request[Any], Answer[Any]]] = []
        self._app = app

    async def hold(self) -> None:
        """Say everything that can be said, right and wrong."""
        customer = await self._create_and_find()
        await self._trade(customer)
        await self._look_at_the_trade(customer)
        await self._check_credit(customer)
        await self._change(customer)
        await self._rearrange_contacts(customer)
        await self._err(customer)
        await self._look_around()
        await self._take_over_and_forget(customer)

    async def _create_and_find(self) -> str:
        body = a_customer_body(**EVERYTHING, contacts=[a_contact_body(is_primary=True)])
        key = {"Idempotency-Key": new_message_id()}
        created = await self._ask("POST", "/api/customers", json=body, headers=key)
        await self._ask("POST", "/api/customers", json=body, headers=key)
        await self._ask("POST", "/api/customers", json=a_customer_body(name="Another"), headers=key)
        path = created.headers["Location"]
        read = await self._ask("GET", path)
        await self._ask("GET", path, headers={"If-None-Match": read.headers["ETag"]})
        await self._ask("HEAD", path)
        wanted = {
            "is_active": "true",
            "search": "customer",
            "external_ref": "A-1",
            "page": "1",
            "limit": "20",
        }
        await self._ask("GET", "/api/customers", params=wanted)
        await self._ask("GET", "/api/customers")
        return str(path)

    async def _trade(self, path: str) -> None:
        customer_id = path.rpartition("/")[2]
        await self._break_off_orders(customer_id)
        await self._wait_for_orders(customer_id)
        await self._carry_out_an_order(customer_id)  # then the account is past due, and no other is confirmed
        await self._settle(customer_id)
        await self._app.bus.pass_time(datetime.now(UTC) + timedelta(minutes=16))

    async def _break_off_orders(self, customer_id: str) -> None:
        await self._place(customer_id, "ERP-1002", currency="EUR")
        named = {"customer_id": customer_id, "external_ref": "ERP-1003"}
        await self._place(customer_id, "ERP-1003")
        await self._send(CancelOrder(**named, reason="ordered twice"))
        await self._send(ShipOrder(**named, ship_date=on(16)))

    async def _wait_for_orders(self, customer_id: str) -> None:
        today = datetime.now(UTC)
        for reference in ("ERP-1004", "ERP-1005"):
            await self._send(ShipOrder(customer_id=customer_id, external_ref=reference, ship_date=today))
        await self._place(customer_id, "ERP-1004")

    async def _carry_out_an_order(self, customer_id: str) -> None:
        named = {"customer_id": customer_id, "external_ref": "ERP-1001"}
        async with self._app.bus.holding(CUSTOMERS.name, "orders"):  # so that it has to ask
            await self._place(customer_id, "ERP-1001", order_number="SO-2024-017")
        await self._send(StartProcessing(**named))
        await self._send(ShipOrder(**named, ship_date=on(16)))
        await self._send(DeliverOrder(**named, delivery_date=on(18)))
        returned = {"amount": Decimal("95.00"), "returned_at": on(25), "return_id": "RMA-2024-17"}
        await self._send(ReturnOrder(**named, **returned))

    async def _settle(self, customer_id: str) -> None:
        to = {"customer_id": customer_id, "currency": "USD"}
        opening = {"external_ref": "OPEN-2023-118", "invoice_id": "inv_2023118"}
        dates = {"invoice_date": date(2023, 12, 31), "due_date": date(2024, 1, 30)}
        await self._send(IssueInvoice(**to, **opening, **dates, amount=Decimal("2500.00")))
        await self._app.bus.pass_time(datetime.now(UTC))
        for amount in ("300.00", "301.00"):  # the second time with other content
            payment = {"payment_id": "PAY-2024-0117", "amount": Decimal(amount), "received_at": on(28)}
            wished = WishedAllocation(external_ref="ERP-1001", amount=Decimal("299.95"))
            await self._send(RecordPayment(**to, **payment, allocations=[wished]))
        of_invoice = {**to, "amount": Decimal("95.00"), "invoice_id": "inv_2023118"}
        await self._send(IssueCreditNote(**of_invoice, credit_note_id="CN-2024-0007", issued_at=on(30)))
        lost = {"write_off_id": "WO-2024-0003", "reason": "insolvency closed", "written_off_at": on(31)}
        await self._send(WriteOff(**of_invoice, **lost))

    async def _place(self, customer_id: str, external_ref: str, **changes: Any) -> None:
        least = {"customer_id": customer_id, "external_ref": external_ref, "currency": "USD"}
        given = {"shipping_address": Address(**an_address()), "total_amount": Decimal("299.95")}
        await self._send(PlaceOrder(**{**least, **given, **changes}, order_date=on(15), lines=LINES))

    async def _look_at_the_trade(self, path: str) -> None:
        customer_id = path.rpartition("/")[2]
        await self._ask("GET", path)
        wanted = {"status": "delivered,shipped", "date_from": "2024-01-01", "date_to": "2024-01-31"}
        await self._ask("GET", f"{path}/orders", params={**wanted, "page": "1", "limit": "20"})
        await self._ask("GET", f"{path}/orders")
        await self._ask("GET", f"{path}/orders", params={"status": "lost", "date_from": "yesterday"})
        for reference in ("ERP-1001", "ERP-1002", "ERP-1003"):
            await self._ask("GET", f"{path}/orders/{placed_id(ERP, reference)}")
        await self._ask("GET", f"{path}/orders/so_0")
        nobody = f"/api/customers/{a_customer_id()}"
        for below in ("orders", "orders/so_0", "analytics", "credit-checks", "credit-checks/chk_0"):
            await self._ask("GET", f"{nobody}/{below}")
        await self._ask("POST", f"{nobody}/credit-check")
        for period in ("all", "90d", "2d"):
            await self._ask("GET", f"{path}/analytics", params={"period": period})
        of_a_year: Body = {"customer_id": customer_id, "period": "1y", "now": datetime.now(UTC)}
        await self._tell(GetOrderAnalytics.model_validate(of_a_year))
        await self._tell(GetCreditAnalytics.model_validate(of_a_year))
        await self._tell(ExportOrders(customer_id=customer_id))
        await self._tell(ExportCredit(customer_id=customer_id))

    async def _check_credit(self, path: str) -> None:
        key = {"Idempotency-Key": new_message_id()}
        await self._ask("POST", f"{path}/credit-check", headers=key)
        await self._ask("POST", f"{path}/credit-check", headers=key, json={})
        await self._ask("POST", f"{path}/credit-check", headers={"Prefer": "wait=2"})
        await self._ask("POST", f"{path}/credit-check", json={"colour": "blue"})
        promised = await self._ask("POST", f"{path}/credit-check", headers={"Prefer": "respond-async"})
        await self._ask("GET", promised.headers["Location"])
        await self._ask("GET", f"{path}/credit-checks", params={"page": "1", "limit": "20"})
        await self._ask("GET", f"{path}/credit-checks", params={"limit": "0"})
        await self._ask("GET", f"{path}/credit-checks/chk_0")

    async def _change(self, path: str) -> None:
        read = await self._ask("GET", path)
        changes = {"name": "Renamed", "credit_limit": 7500, "is_active": False, "shipping_address": UPSTAIRS}
        whole: Body = read.json()["data"] | changes
        await self._ask("PUT", path, json=whole, headers={"If-Match": read.headers["ETag"]})
        await self._ask("PUT", path, json={"is_active": True}, headers={"Prefer": "return=minimal"})
        await self._ask("PUT", path, json={"name": "x"}, headers={"If-Match": '"c1-p0"'})
        await self._ask("PUT", path, json={"currency": "EUR"})
        await self._ask("PUT", path, json={"contacts": []})

    async def _rearrange_contacts(self, path: str) -> None:
        version = {"If-Match": (await self._ask("GET", path)).headers["ETag"]}
        contacts = f"{path}/contacts"
        person = a_contact_body(is_primary=True)
        added = await self._ask("POST", contacts, json=person, headers=version)
        contact = added.headers.get("Location", f"{contacts}/cont_1")
        version = {"If-Match": (await self._ask("GET", path)).headers["ETag"]}
        await self._ask("PUT", contact, json=person | {"title": "Boss"}, headers=version)
        await self._ask("PUT", contact, json={"is_primary": False})
        await self._ask("PUT", contact, json={"colour": "blue"})
        version = {"If-Match": (await self._ask("GET", path)).headers["ETag"]}
        await self._ask("DELETE", contact, headers=version)
        await self._ask("DELETE", contact)
        await self._ask("POST", contacts, json={"name": None})

    async def _err(self, path: str) -> None:
        json = {"Content-Type": "application/json"}
        await self._ask("POST", "/api/customers", content=b"{", headers=json)
        await self._ask("POST", "/api/customers", content=b'{"name":"a","name":"b"}', headers=json)
        await self._ask("POST", "/api/customers", content=b" " * 65_537, headers=json)
        await self._ask("POST", "/api/customers", content=b"{}", headers={"Content-Type": "text/plain"})
        await self._ask("POST", "/api/customers", json={}, headers={"Idempotency-Key": '"'})
        await self._ask("GET", path, headers={"Accept": "text/html"})
        await self._ask("GET", path, headers={"If-None-Match": "none"})
        await self._ask("GET", f"/api/customers/{a_customer_id()}")
        await self._ask("GET", "/api/customers", params={"page": "0", "colour": "blue"})
        await self._ask("PATCH", path)
        await self._ask("GET", "/api/customer")

    async def _look_around(self) -> None:
        await self._ask("GET", "/health/live")
        await self._ask("GET", "/health/ready")
        read = await self._ask("GET", "/schema/openapi.json")
        await self._ask("GET", "/schema/openapi.json", headers={"If-None-Match": read.headers["ETag"]})

    async def _take_over_and_forget(self, path: str) -> None:
        customer_id = path.rpartition("/")[2]
        whole = a_create(customer_id=customer_id, billing_address=UPSTAIRS, shipping_address=UPSTAIRS)
        await self._send(whole)
        taken_over = {"customer_id": a_customer_id(), "external_ref": "A-1"}
        since = datetime(2023, 6, 15, tzinfo=UTC)
        await self._tell(ImportCustomer(**whole.model_dump() | taken_over, customer_since=since))
        await self._tell(GetCustomer(customer_id=customer_id))
        await self._tell(FindCustomers(search="customer"))
        await self._tell(ExportCustomer(customer_id=customer_id))
        await self._tell(EraseCustomer(customer_id=customer_id, reason="requested"))

    async def _send(self, command: Command[Any]) -> None:
        """As an ERP does, that awaits no answer."""
        record = a_record(command, an_envelope(command, source=ERP, traceparent=TRACEPARENT))
        await self._app.publish(record.topic, record.key, record.value, record.headers)

    async def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {"traceparent": TRACEPARENT, **request.pop("headers", {})}
        answer = await self._app.http.request(method, path, headers=headers, **request)
        self.answers.append(answer)
        return answer

    async def _tell(self, request: Request[Any]) -> None:
        asking = Asking(new_message_id(), caller="operator", deadline_s=5.0, traceparent=TRACEPARENT)
        self.replies.append((request, await self._app.bus.relay(request, asking)))
