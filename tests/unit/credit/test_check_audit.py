import hashlib
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from services.credit.accounts import marker
from services.credit.audit import Asked, Check, Facts, Heard, check, credit_file
from services.credit.reasons import SENTENCES
from services.credit.scoring import WEIGHTS, score
from shared.contracts.credit.files import CreditFile
from shared.contracts.credit.requests import CheckCredit
from tests.support.builders import an_asking_envelope, an_envelope
from tests.support.credit_builders import an_account
from tests.support.credit_file_builders import paid_invoices, some_orders

NOW = datetime(2024, 1, 15, 12, tzinfo=UTC)
ASKED = Asked(check_id="chk_1", requested_by="key:sales", request_id="req-1", traceparent=None)
FACTS = Facts(
    orders=some_orders(),
    invoices=tuple(paid_invoices()),
    heard=Heard(last_order_id="so_1", last_order_version=4, ledger_position=17),
)
COMMAND = CheckCredit(customer_id="cust_1", check_id="chk_1")


def a_check(now: datetime = NOW) -> Check:
    return check(an_account(version=6, customer_version=2), FACTS, ASKED, now)


def test_a_file_takes_the_account_and_what_is_on_file() -> None:
    account = an_account(
        customer_since=datetime(2022, 1, 1, tzinfo=UTC),
        credit_limit=Decimal("5000.00"),
        balance=Decimal("-12.50"),
        reserved=Decimal("100.00"),
        payment_terms="net_45",
        is_active=False,
    )

    assert credit_file(account, FACTS, date(2024, 1, 15)) == CreditFile(
        model="tcs-1.0.0",
        as_of=date(2024, 1, 15),
        customer_since=date(2022, 1, 1),
        is_active=False,
        credit_limit=Decimal("5000.00"),
        receivable_balance=Decimal("-12.50"),
        reserved=Decimal("100.00"),
        terms_days=45,
        orders=FACTS.orders,
        invoices=FACTS.invoices,
    )


@pytest.mark.parametrize("terms", ["prepaid", "due_on_receipt"])
def test_terms_without_days_are_none(terms: str) -> None:
    assert credit_file(an_account(payment_terms=terms), FACTS, date(2024, 1, 15)).terms_days == 0


def test_a_customer_since_late_in_the_day_is_one_since_that_day_in_utc() -> None:
    in_new_york = datetime(2023, 6, 14, 22, tzinfo=timezone(timedelta(hours=-5)))

    file = credit_file(an_account(customer_since=in_new_york), FACTS, date(2024, 1, 15))

    assert file.customer_since == date(2023, 6, 15)


def test_no_file_is_made_of_a_marker() -> None:
    with pytest.raises(ValueError, match="no customer"):
        credit_file(marker("cust_1", NOW), FACTS, NOW.date())


def test_a_check_is_of_the_day_in_utc_and_one_version_on() -> None:
    made = a_check(datetime(2024, 1, 15, 23, 30, tzinfo=timezone(timedelta(hours=-2))))

    assert made.file.as_of == date(2024, 1, 16)
    assert (made.account.version, made.known["account_version"]) == (7, 6)
    assert made.score == score(made.file)


def test_a_check_tells_how_far_its_knowledge_went() -> None:
    assert a_check().known == {
        "account_version": 6,
        "customer_version": 2,
        "last_order_id": "so_1",
        "last_order_version": 4,
        "ledger_position": 17,
    }


def test_the_input_is_canonical_and_its_digest_is_taken_of_its_bytes() -> None:
    made = a_check()

    assert made.input.startswith('{"model":"tcs-1.0.0","as_of":"2024-01-15","customer_since":')
    assert made.input_sha256 == hashlib.sha256(made.input.encode()).digest()
    assert CreditFile.model_validate_json(made.input) == made.file


def test_factors_and_reasons_are_told_with_weights_and_sentences() -> None:
    made = a_check()

    assert [(each.name, each.weight) for each in made.factors] == list(WEIGHTS.items())
    assert {each.name: each.value for each in made.factors} == dict(made.score.factors)
    assert [(each.code, each.message) for each in made.reasons] == [
        (code, SENTENCES[code]) for code in made.score.reason_codes
    ]


def test_the_event_tells_the_result_under_the_new_version() -> None:
    made = a_check()

    assert (made.completed.version, made.completed.check_id) == (7, "chk_1")
    assert made.completed.credit_score == made.score.credit_score
    assert made.completed.recommended_credit_limit == made.score.recommended_credit_limit


def test_a_check_is_put_down_to_the_caller_else_to_the_sender() -> None:
    by_caller = Asked.by(an_asking_envelope(COMMAND, caller="key:sales", correlation_id="req-1"), "chk_1")
    by_sender = Asked.by(an_envelope(COMMAND, source="/risk-desk", id="msg-1"), "chk_1")

    assert (by_caller.requested_by, by_caller.request_id) == ("key:sales", "req-1")
    assert (by_sender.requested_by, by_sender.request_id) == ("/risk-desk", "msg-1")
