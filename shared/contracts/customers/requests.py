"""What customers can be asked, and what it can be told to do. Pure."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, StrictBool

from shared.contracts.customers.answers import (
    Customer,
    CustomerContact,
    CustomerExport,
    CustomerPage,
    Imported,
)
from shared.contracts.customers.events import CustomerState
from shared.contracts.customers.topics import COMMANDS, QUERIES
from shared.contracts.pages import DEPTH_MAX, Paged, PageLimit, PageNumber
from shared.contracts.values import (
    CONTACTS_MAX,
    Address,
    Contact,
    ContactId,
    CreditLimit,
    Currency,
    CustomerId,
    DiscountRate,
    Email,
    ForeignId,
    Instant,
    Name,
    NewContact,
    Notes,
    PaymentTerms,
    Phone,
    SearchText,
    ShippingMethod,
    TaxId,
    Title,
    Website,
    unchanged,
)
from shared.ids import derived_id
from shared.messaging import Command, Done, Query, Value

SEARCH_DEPTH_MAX = 10_000


class GetCustomer(Query[Customer]):
    """Ask for one customer in full. Refused `customer_not_found`."""

    topic = QUERIES
    type = "customer.get.v1"
    key = "customer_id"

    customer_id: CustomerId


class FindCustomers(Paged, Query[CustomerPage]):
    """Ask for one page of the customers that meet all conditions given.

    is_active: None for both. search: part of name or e-mail, whatever its case. external_ref: exactly.
    page: from 1; page x limit is at most 1,000,000, with search 10,000. limit: 1..100.
    """

    topic = QUERIES
    type = "customer.find.v1"
    key = None

    is_active: StrictBool | None = None
    search: SearchText | None = None
    external_ref: ForeignId | None = None
    page: PageNumber = 1
    limit: PageLimit = 20

    @property
    def depth_max(self) -> int:
        """How far into the list a page may end, in items."""
        return DEPTH_MAX if self.search is None else SEARCH_DEPTH_MAX


class GetCustomerState(Query[CustomerState]):
    """Ask for a customer as it is on the state topic: services ask, of one they do not know yet.

    Refused `customer_not_found`; an erased one is not found either.
    """

    topic = QUERIES
    type = "customer.get_state.v1"
    key = "customer_id"

    customer_id: CustomerId


class ExportCustomer(Query[CustomerExport]):
    """Ask for everything that is held about one customer. Refused `customer_not_found`."""

    topic = QUERIES
    type = "customer.export.v1"
    key = "customer_id"

    customer_id: CustomerId


class NewCustomer(Value):
    """What a new customer is said to be.

    shipping_address: None where it is the billing address. contacts: at most 50; at most one may ask to be
    primary, where none does the first is. credit_limit: in `currency`; 0.00 is no credit. discount_rate:
    percent.
    """

    name: Name
    email: Email
    phone: Phone | None = None
    fax: Phone | None = None
    website: Website | None = None
    tax_id: TaxId | None = None
    billing_address: Address
    shipping_address: Address | None = None
    contacts: Annotated[list[NewContact], Field(max_length=CONTACTS_MAX)] = Field(default=[])
    payment_terms: PaymentTerms = "net_30"
    currency: Currency = "USD"
    credit_limit: CreditLimit = Decimal("0.00")
    discount_rate: DiscountRate = Decimal("0.00")
    preferred_shipping: ShippingMethod | None = None
    is_active: StrictBool = True
    notes: Notes | None = None


class CreateCustomer(NewCustomer, Command[Customer]):
    """Take in a new customer.

    customer_id: chosen by the sender.
    Refused `customer_exists`, `customer_erased`, `several_primary_contacts`.
    """

    topic = COMMANDS
    type = "customer.create.v1"
    key = "customer_id"

    customer_id: CustomerId


class ImportCustomer(NewCustomer, Command[Imported]):
    """Take over a customer from another system, once for each `external_ref` of a sender.

    customer_id: kept where it is given; else made from the sender (`ce_source`) and `external_ref`.
    external_ref: the sender's own name for it. customer_since: may lie in the past, at most 24 h ahead.
    The same content again changes nothing. Refused `customer_exists` (with other content, or taken
    otherwise), `customer_erased`, `date_in_future`, `several_primary_contacts`.
    """

    topic = COMMANDS
    type = "customer.import.v1"
    key = "customer_id"

    customer_id: CustomerId | None = None
    external_ref: ForeignId
    customer_since: Instant


def imported_id(source: str, external_ref: str) -> str:
    """The id of a customer that a sender imports without naming one."""
    return derived_id("cust", source, external_ref)


Versions = Annotated[list[Annotated[int, Field(ge=1, strict=True)]], Field(max_length=100)]
"""The versions a sender has seen: the customer must be at one of them. Refused `precondition_failed`."""


class Patch(Value):
    """A change of the members that are given; those that are not stay as they are."""

    def given(self) -> dict[str, Any]:
        """The members to change with their new values, in their declared order; None clears."""
        addressing = {"customer_id", "contact_id", "expected_versions"}
        names = [name for name in type(self).model_fields if name in self.model_fields_set - addressing]
        return {name: getattr(self, name) for name in names}


class UpdateCustomer(Patch, Command[Customer]):
    """Change the members that are given; a null clears the member, which name, email and the like refuse.

    An address is replaced whole. currency: only the one it has. contacts: only those it has, in full.
    expected_versions: None where any will do. Refused `customer_not_found`, `precondition_failed`,
    `currency_locked`, `contacts_have_routes_of_their_own`.
    """

    topic = COMMANDS
    type = "customer.update.v1"
    key = "customer_id"

    customer_id: CustomerId
    expected_versions: Versions | None = None
    name: Name = unchanged()
    email: Email = unchanged()
    phone: Phone | None = None
    fax: Phone | None = None
    website: Website | None = None
    tax_id: TaxId | None = None
    billing_address: Address = unchanged()
    shipping_address: Address | None = None
    contacts: list[Contact] = unchanged()
    payment_terms: PaymentTerms = unchanged()
    currency: Currency = unchanged()
    credit_limit: CreditLimit = unchanged()
    discount_rate: DiscountRate = unchanged()
    preferred_shipping: ShippingMethod | None = None
    is_active: StrictBool = unchanged()
    notes: Notes | None = None


class EraseCustomer(Command[Done]):
    """Erase a customer and its contacts for good; a second time changes nothing.

    reason: for the sender's own records; not kept. Refused `customer_not_found`.
    """

    topic = COMMANDS
    type = "customer.erase.v1"
    key = "customer_id"

    customer_id: CustomerId
    reason: Annotated[str, Field(max_length=500)] | None = None


class AddContact(Command[CustomerContact]):
    """Add a person to call at a customer.

    contact_id: chosen by the sender.
    is_primary: true takes it from whoever has it; the first contact is primary in any case.
    expected_versions: of the customer. Refused `customer_not_found`, `precondition_failed`,
    `too_many_contacts`, `contact_exists`.
    """

    topic = COMMANDS
    type = "contact.add.v1"
    key = "customer_id"

    customer_id: CustomerId
    contact_id: ContactId
    expected_versions: Versions | None = None
    name: Name
    title: Title | None = None
    email: Email | None = None
    phone: Phone | None = None
    is_primary: StrictBool = False


class UpdateContact(Patch, Command[CustomerContact]):
    """Change the members of a contact that are given; null clears title, email and phone.

    is_primary: true takes it from whoever has it; false is refused for the primary one.
    expected_versions: of the customer. Refused `customer_not_found`, `contact_not_found`,
    `precondition_failed`, `primary_contact_required`.
    """

    topic = COMMANDS
    type = "contact.update.v1"
    key = "customer_id"

    customer_id: CustomerId
    contact_id: ContactId
    expected_versions: Versions | None = None
    name: Name = unchanged()
    title: Title | None = None
    email: Email | None = None
    phone: Phone | None = None
    is_primary: StrictBool = unchanged()


class RemoveContact(Command[Done]):
    """Remove a contact; where it was primary, the oldest of the others becomes it.

    expected_versions: of the customer. Refused `customer_not_found`, `contact_not_found`,
    `precondition_failed`.
    """

    topic = COMMANDS
    type = "contact.remove.v1"
    key = "customer_id"

    customer_id: CustomerId
    contact_id: ContactId
    expected_versions: Versions | None = None
