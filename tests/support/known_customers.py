"""The customers service for tests of services that ask it: it knows whom the test says."""

from dataclasses import dataclass, field

from shared.contracts.customers.events import CustomerState
from shared.contracts.customers.requests import GetCustomerState
from shared.errors import Refused
from shared.messaging import Answer
from shared.rpc import Asking


@dataclass
class Customers:
    """Answers as the customers service does. asked: of whom it was asked, in that order."""

    known: dict[str, CustomerState] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def relay(self, request: GetCustomerState, asking: Asking) -> Answer[CustomerState]:
        """The customer as it is known."""
        self.asked.append(request.customer_id)
        if request.customer_id not in self.known:
            raise Refused("customer_not_found", "no such customer")
        return Answer(self.known[request.customer_id].to_json())
