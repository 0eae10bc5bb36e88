from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from services.customers.changes import Present
from services.customers.imports import Import, imported_before, take_over
from shared.contracts.customers.requests import ImportCustomer, imported_id
from shared.contracts.values import Contact
from shared.errors import Refused
from tests.support.builders import a_customer_id, an_import

NOW = datetime(2024, 1, 15, 21, 30, 0, 123456, tzinfo=UTC)
CONTACTS = [Contact(id="cont_1", name="Ada", title=None, email=None, phone=None, is_primary=True)]


def taken_over(command: ImportCustomer, source: str = "/erp") -> Import:
    return take_over(command, CONTACTS, NOW, source)


def present(wanted: Import, **changes: object) -> Present:
    members = {
        "customer_id": wanted.change.customer.customer_id,
        "version": 7,
        "imported_as": wanted.imported_as,
        "digest": wanted.digest,
        "is_erased": False,
    }
    return Present(**{**members, **changes})  # type: ignore[arg-type]  # a test names what it changes


def refusal_of(wanted: Import, found: Present) -> str:
    with pytest.raises(Refused) as refused:
        imported_before(wanted, found)
    return refused.value.refusal.code


def test_an_import_begins_now_and_is_a_customer_since_it_says() -> None:
    command = an_import(customer_since=datetime(2019, 3, 1, tzinfo=UTC))

    customer = taken_over(command).change.customer

    assert (customer.version, customer.created_at, customer.updated_at) == (1, NOW, NOW)
    assert customer.customer_since == command.customer_since
    assert (customer.external_ref, customer.external_source) == (command.external_ref, "/erp")
    assert customer.contacts == CONTACTS


def test_an_import_without_an_id_gets_the_one_of_its_sender_and_reference() -> None:
    wanted = taken_over(an_import(external_ref="7"))

    assert wanted.change.customer.customer_id == wanted.imported_as == imported_id("/erp", "7")


def test_an_id_that_is_given_is_kept_and_the_reference_recognised_all_the_same() -> None:
    customer_id = a_customer_id()

    wanted = taken_over(an_import(customer_id=customer_id, external_ref="7"))

    assert wanted.change.customer.customer_id == customer_id
    assert wanted.imported_as == imported_id("/erp", "7")


def test_the_digest_is_of_the_content_whatever_the_id_and_the_offset() -> None:
    command = an_import(customer_since=datetime(2019, 3, 1, tzinfo=UTC))
    berlin = datetime(2019, 3, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    same = command.model_copy(update={"customer_id": a_customer_id(), "customer_since": berlin})

    assert taken_over(command).digest == taken_over(same).digest


@pytest.mark.parametrize(
    "changes",
    [{"name": "Other"}, {"credit_limit": Decimal("1.00")}, {"notes": None}, {"is_active": False}],
    ids=str,
)
def test_other_content_has_another_digest(changes: dict[str, object]) -> None:
    command = an_import()

    assert taken_over(command).digest != taken_over(command.model_copy(update=changes)).digest


@pytest.mark.parametrize("seconds", [0, 1])
def test_a_date_may_lie_ahead_by_a_day_and_no_more(seconds: int) -> None:
    command = an_import(customer_since=NOW + timedelta(days=1, seconds=seconds))

    if seconds == 0:
        assert taken_over(command).change.customer.customer_since == command.customer_since
    else:
        with pytest.raises(Refused, match="date_in_future"):
            taken_over(command)


def test_a_repeat_is_answered_with_the_version_of_now() -> None:
    wanted = taken_over(an_import())

    answer = imported_before(wanted, present(wanted))

    assert (answer.customer_id, answer.version) == (wanted.change.customer.customer_id, 7)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"digest": b"other"}, "customer_exists"),
        ({"imported_as": None, "digest": None}, "customer_exists"),
        ({"imported_as": "cust_other"}, "customer_exists"),
        ({"is_erased": True, "digest": None}, "customer_erased"),
    ],
    ids=str,
)
def test_what_is_no_repeat_is_refused(changes: dict[str, object], code: str) -> None:
    wanted = taken_over(an_import())

    assert refusal_of(wanted, present(wanted, **changes)) == code
