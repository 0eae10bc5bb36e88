"""One customer's whole life, so that every message is sent and every route answers in every way it can."""

from datetime import UTC, datetime
from typing import Any

import httpx

from shared.contracts.customers.requests import (
    EraseCustomer,
    ExportCustomer,
    FindCustomers,
    GetCustomer,
    ImportCustomer,
)
from shared.ids import new_message_id
from shared.messaging import Answer, Request
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
        refused = a_record(
            whole, an_envelope(whole, correlation_id=new_message_id(), traceparent=TRACEPARENT)
        )
        await self._app.publish(refused.topic, refused.key, refused.value, refused.headers)
        taken_over = {"customer_id": a_customer_id(), "external_ref": "A-1"}
        since = datetime(2023, 6, 15, tzinfo=UTC)
        await self._tell(ImportCustomer(**whole.model_dump() | taken_over, customer_since=since))
        await self._tell(GetCustomer(customer_id=customer_id))
        await self._tell(FindCustomers(search="customer"))
        await self._tell(ExportCustomer(customer_id=customer_id))
        await self._tell(EraseCustomer(customer_id=customer_id, reason="requested"))

    async def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {"traceparent": TRACEPARENT, **request.pop("headers", {})}
        answer = await self._app.http.request(method, path, headers=headers, **request)
        self.answers.append(answer)
        return answer

    async def _tell(self, request: Request[Any]) -> None:
        asking = Asking(new_message_id(), caller="operator", deadline_s=5.0, traceparent=TRACEPARENT)
        self.replies.append((request, await self._app.bus.relay(request, asking)))
