import asyncio
import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from ops.credit_rescore import scores
from services.credit.store import checks
from services.credit.tables import credit_checks
from shared.contracts.credit.answers import CreditCheckPage, CreditReport
from shared.contracts.credit.files import CreditFile
from shared.contracts.credit.requests import CheckCredit, ExportCredit, FindCreditChecks, GetCreditCheck
from shared.ids import prefixed_id
from shared.messaging import Answer
from tests.support.builders import a_customer_id, a_record, an_asking_envelope, an_envelope
from tests.support.credit_builders import a_customer_state, an_order
from tests.support.credit_checks import keep_file
from tests.support.credit_file_builders import a_credit_file, an_invoice
from tests.support.credit_under_test import Credit
from tests.support.servers import PROJECT
from tests.support.statements import sent_by

pytestmark = pytest.mark.integration

COMPLETED, STATE = "credit.check_completed.v1", "credit_account.state.v1"
SEED = json.loads((PROJECT / "tests/data/scorecard_cases.json").read_text())[0]


def a_check(customer_id: str, check_id: str | None = None) -> CheckCredit:
    return CheckCredit(customer_id=customer_id, check_id=check_id or prefixed_id("chk", uuid4()))


def a_get(check: CheckCredit, **changes: str) -> GetCreditCheck:
    return GetCreditCheck(**{"customer_id": check.customer_id, "check_id": check.check_id, **changes})


async def checked(credit: Credit, customer_id: str) -> CheckCredit:
    command = a_check(customer_id)
    await credit.posts(command)
    return command


async def row_of(credit: Credit, check: CheckCredit) -> dict[str, Any]:
    statement = "select *, cast(input as text) as input_text from credit_checks where check_id = :id"
    (row,) = await credit.rows(statement, id=check.check_id)
    return row


async def page(credit: Credit, customer_id: str, **changes: int) -> Any:
    answer = await credit.is_asked(FindCreditChecks(customer_id=customer_id, **changes))
    CreditCheckPage.model_validate_json(answer.body)
    return json.loads(answer.body)


async def behind(credit: Credit, query: GetCreditCheck) -> Answer[Any]:
    """Asked on the commands topic, as checks are."""
    asking = an_asking_envelope(query)
    await credit.consumer.handle(a_record(query, asking))
    return credit.mailbox.answer_to(asking)


def as_of_today(file: CreditFile) -> CreditFile:
    """The file with all its days moved, so that it speaks of today."""
    by = datetime.now(UTC).date() - file.as_of

    def moved(value: Any) -> Any:
        match value:
            case date():
                return value + by
            case dict():
                return {name: moved(member) for name, member in value.items()}
            case list() | tuple():
                return [moved(each) for each in value]
        return value

    whole = moved(file.model_dump())
    # seven months have 212 to 215 days: three more make them seven wherever they lie
    whole["customer_since"] -= timedelta(days=3)
    return CreditFile.model_validate(whole)


async def test_a_check_is_answered_with_a_report_in_the_documented_order(credit: Credit) -> None:
    customer_id = await credit.opens_account(credit_limit="5000.00")
    command = a_check(customer_id)

    answer = await credit.is_told(command)

    report = json.loads(answer.body)
    assert list(report) == list(CreditReport.model_fields)
    assert b'"current_credit_limit":5000.00,' in answer.body
    assert b'"recommended_credit_limit":5000.00,' in answer.body
    assert report["customer_id"] == customer_id
    assert report["check_id"] == command.check_id
    assert (report["status"], report["model_version"]) == ("completed", "tcs-1.0.0")
    assert (report["thin_file"], report["credit_rating"]) == (True, "good")
    assert [factor["name"] for factor in report["factors"]] == [
        *("payment_history", "utilization", "past_due", "relationship", "activity", "stability")
    ]
    assert sum(factor["weight"] for factor in report["factors"]) == 100
    assert report["reason_codes"][0] == {
        "code": "R09_INSUFFICIENT_HISTORY",
        "message": "Fewer than three invoices have been settled with payments of the last 24 months.",
    }


async def test_a_check_is_dated_by_when_it_was_made(credit: Credit) -> None:
    check = await checked(credit, await credit.opens_account())

    row = await row_of(credit, check)
    answer = await behind(credit, a_get(check))
    report = CreditReport.model_validate_json(answer.body)
    assert report.last_checked == row["created_at"].replace(microsecond=0)
    assert report.as_of == row["as_of"] == row["created_at"].astimezone(UTC).date()


async def test_a_check_is_told_and_takes_the_next_version_of_its_account(credit: Credit) -> None:
    customer_id = await credit.opens_account(credit_limit="5000.00")
    check = await checked(credit, customer_id)

    _, event, state = await credit.said(customer_id)

    row = await row_of(credit, check)
    assert (event["type"], state["type"]) == (COMPLETED, STATE)
    assert (event["version"], state["version"], (await credit.account(customer_id))["version"]) == (2, 2, 2)
    assert event["check_id"] == check.check_id
    assert event["recommended_credit_limit"] == "5000.00"
    assert [
        event[name] for name in ("credit_score", "credit_rating", "risk_assessment", "model_version")
    ] == [row[name] for name in ("credit_score", "credit_rating", "risk_assessment", "model_version")]


async def test_a_check_changes_no_figure_and_no_limit(credit: Credit) -> None:
    customer_id = await credit.opens_account()
    before = await credit.account(customer_id)
    await checked(credit, customer_id)

    assert await credit.account(customer_id) == {**before, "version": 2}


async def test_the_audit_row_holds_the_whole_input_and_who_asked(credit: Credit) -> None:
    customer_id = await credit.opens_account(credit_limit="5000.00", version=7)
    check = a_check(customer_id)
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await credit.posts(check, caller="key:sales", correlation_id="req-1", traceparent=trace)

    row = await row_of(credit, check)
    assert row["input_sha256"] == hashlib.sha256(row["input_text"].encode()).digest()
    assert list(row["input"]) == [
        *("model", "as_of", "customer_since", "is_active", "credit_limit", "receivable_balance", "reserved"),
        *("terms_days", "orders", "invoices"),
    ]
    assert (row["requested_by"], row["request_id"], row["traceparent"]) == ("key:sales", "req-1", trace)
    assert row["known"] == {
        "account_version": 1,
        "customer_version": 7,
        "last_order_id": None,
        "last_order_version": None,
        "ledger_position": None,
    }
    assert row["gates"] == ["R09_INSUFFICIENT_HISTORY"]
    assert row["points"] == sum(each["weight"] * each["value"] for each in row["factors"])


async def test_a_check_that_no_caller_asked_for_is_put_down_to_its_sender(credit: Credit) -> None:
    check = a_check(await credit.opens_account())
    await credit.consumer.handle(a_record(check, an_envelope(check, source="/risk-desk")))

    assert (await row_of(credit, check))["requested_by"] == "/risk-desk"


async def test_a_stored_input_scored_once_more_gives_the_stored_result(credit: Credit) -> None:
    async with credit.engine.begin() as db:
        account = await keep_file(db, a_credit_file())
    check = await checked(credit, account.customer_id)

    row = await row_of(credit, check)
    (again,) = scores([row["input_text"].encode()])
    assert again.model_dump(mode="json") == {
        **{name: row[name] for name in ("credit_score", "raw_score", "points", "thin_file", "gates")},
        **{name: row[name] for name in ("credit_rating", "risk_assessment")},
        "recommended_credit_limit": str(row["recommended_credit_limit"]),
        "factors": {each["name"]: each["value"] for each in row["factors"]},
        "reason_codes": [each["code"] for each in row["reasons"]],
    }


async def test_a_repeat_of_a_check_gives_the_same_answer_and_makes_no_second_one(credit: Credit) -> None:
    command = a_check(await credit.opens_account())
    first = await credit.is_told(command, id="key-1")

    again = await credit.is_told(command, id="key-1")

    assert (again.body, again.facts["replayed"]) == (first.body, "true")
    assert (await page(credit, command.customer_id))["meta"]["total"] == 1


async def test_an_id_that_a_check_has_is_refused_to_another_one(credit: Credit) -> None:
    first = await checked(credit, await credit.opens_account())
    other_id = await credit.opens_account()

    assert await credit.refuses(a_check(first.customer_id, first.check_id)) == "check_exists"
    assert await credit.refuses(a_check(other_id, first.check_id)) == "check_exists"

    assert len(await credit.events(first.customer_id, COMPLETED)) == 1
    assert await credit.events(other_id, COMPLETED) == []
    assert (await credit.account(other_id))["version"] == 1


async def test_checks_of_one_customer_at_once_take_versions_one_after_the_other(credit: Credit) -> None:
    customer_id = await credit.opens_account()

    await asyncio.gather(*(checked(credit, customer_id) for _ in range(8)))

    versions = [event["version"] for event in await credit.events(customer_id, COMPLETED)]
    assert versions == list(range(2, 10))


async def test_a_customer_that_was_not_heard_of_is_asked_for_and_then_checked(credit: Credit) -> None:
    customer = a_customer_state()
    credit.customers.known[customer.customer_id] = customer

    await checked(credit, customer.customer_id)

    assert credit.customers.asked == [customer.customer_id]


async def test_a_customer_that_does_not_exist_has_no_checks(credit: Credit) -> None:
    command = a_check(a_customer_id())

    assert await credit.refuses(command) == "customer_not_found"
    assert (await behind(credit, a_get(command))).facts["refusal"] == "customer_not_found"
    found = await credit.is_asked(FindCreditChecks(customer_id=command.customer_id))
    assert found.facts["refusal"] == "customer_not_found"
    assert credit.customers.asked == [command.customer_id] * 3


async def test_a_customer_just_created_has_an_empty_list(credit: Credit) -> None:
    customer = a_customer_state()
    credit.customers.known[customer.customer_id] = customer

    assert await page(credit, customer.customer_id) == {
        "data": [],
        "meta": {"total": 0, "page": 1, "limit": 20, "hasMore": False},
    }


async def test_a_customer_that_was_unknown_once_is_asked_for_again(credit: Credit) -> None:
    customer = a_customer_state()
    await credit.hears(an_order(customer_id=customer.customer_id))
    credit.customers.known[customer.customer_id] = customer

    assert (await page(credit, customer.customer_id))["meta"]["total"] == 0
    await checked(credit, customer.customer_id)


async def test_nobody_sees_the_checks_of_an_erased_customer_but_they_are_kept(credit: Credit) -> None:
    check = await checked(credit, await credit.opens_account())

    await credit.erases(check.customer_id)

    assert (await behind(credit, a_get(check))).facts["refusal"] == "customer_not_found"
    found = await credit.is_asked(FindCreditChecks(customer_id=check.customer_id))
    assert found.facts["refusal"] == "customer_not_found"
    assert await credit.refuses(a_check(check.customer_id)) == "customer_not_found"
    assert (await row_of(credit, check))["customer_id"] == check.customer_id


async def test_a_check_is_shown_as_it_was_answered(credit: Credit) -> None:
    command = a_check(await credit.opens_account())
    answered = await credit.is_told(command)

    assert (await behind(credit, a_get(command))).body == answered.body


async def test_a_check_is_found_under_its_own_customer_alone(credit: Credit) -> None:
    check = await checked(credit, await credit.opens_account())
    other_id = await credit.opens_account()

    for query in (a_get(check, check_id="chk_none"), a_get(check, customer_id=other_id)):
        assert (await behind(credit, query)).facts["refusal"] == "check_not_found"


async def test_the_list_is_paged_newest_first(credit: Credit) -> None:
    customer_id = await credit.opens_account()
    await checked(credit, await credit.opens_account())
    made = [(await checked(credit, customer_id)).check_id for _ in range(5)]

    pages = [await page(credit, customer_id, page=number, limit=2) for number in (1, 2, 3, 4)]

    assert [[each["check_id"] for each in found["data"]] for found in pages] == [
        [made[4], made[3]],
        [made[2], made[1]],
        [made[0]],
        [],
    ]
    assert [found["meta"] for found in pages] == [
        {"total": 5, "page": number, "limit": 2, "hasMore": number < 3} for number in (1, 2, 3, 4)
    ]


async def test_items_of_the_list_are_complete(credit: Credit) -> None:
    command = a_check(await credit.opens_account())
    answered = await credit.is_told(command)

    answer = await credit.is_asked(FindCreditChecks(customer_id=command.customer_id))

    assert answer.body.startswith(b'{"data":[' + answered.body + b'],"meta":{')


async def test_more_than_ten_thousand_checks_are_not_counted(
    credit: Credit, owner_engine: AsyncEngine
) -> None:
    check = await checked(credit, await credit.opens_account())
    columns = ", ".join(each.name for each in credit_checks.c if each.name != "check_id")
    async with owner_engine.begin() as db:
        await db.execute(
            text(
                f"insert into credit_checks (check_id, {columns})"
                f" select 'chk_' || n, {columns} from credit_checks, generate_series(1, :more) as n"
            ),
            {"more": 10_000},
        )

    meta = (await page(credit, check.customer_id, page=500))["meta"]
    assert meta == {"total": 10_000, "page": 500, "limit": 20, "hasMore": True, "total_is_capped": True}


async def test_the_last_page_that_may_be_asked_for_is_followed_by_none(credit: Credit) -> None:
    check = await checked(credit, await credit.opens_account())

    assert (await page(credit, check.customer_id, page=1_000_000, limit=1))["meta"]["hasMore"] is False


@pytest.mark.parametrize("change", ["update credit_checks set points = 0", "delete from credit_checks"])
async def test_a_check_is_never_changed_by_the_service(credit: Credit, change: str) -> None:
    await checked(credit, await credit.opens_account())

    with pytest.raises(ProgrammingError, match="permission denied"):
        async with credit.engine.begin() as db:
            await db.execute(text(change))


async def test_a_check_takes_six_statements_and_reading_one_takes_one(credit: Credit) -> None:
    customer_id = await credit.opens_account()

    with sent_by(credit.engine) as making:
        check = await checked(credit, customer_id)
    with sent_by(credit.engine) as showing:
        await behind(credit, a_get(check))
    with sent_by(credit.engine) as listing:
        await credit.is_asked(FindCreditChecks(customer_id=customer_id))

    assert [len(each.statements) for each in (making, showing, listing)] == [6, 1, 1]


async def test_a_check_that_is_refused_and_nobody_asked_for_is_a_dead_letter(credit: Credit) -> None:
    command = a_check(a_customer_id())

    await credit.consumer.handle(a_record(command, an_envelope(command)))

    assert len(credit.mailbox.letters) == 1
    assert await credit.said(command.customer_id) == []


async def exported_checks(credit: Credit, customer_id: str) -> list[dict[str, Any]]:
    answer = await credit.is_asked(ExportCredit(customer_id=customer_id))
    found: list[dict[str, Any]] = json.loads(answer.body)["checks"]
    return found


async def test_an_export_has_the_newest_checks_with_their_inputs(credit: Credit) -> None:
    customer_id = await credit.opens_account()
    made = [(await checked(credit, customer_id)).check_id for _ in range(2)]

    exported = await exported_checks(credit, customer_id)

    assert [each["check_id"] for each in exported] == made[::-1]
    for each in exported:
        digest = hashlib.sha256(json.dumps(each["input"], separators=(",", ":")).encode()).hexdigest()
        assert each["input_sha256"] == digest


async def test_an_export_has_no_more_checks_than_fit_into_a_message(credit: Credit) -> None:
    many = [an_invoice() for _ in range(1_500)]
    async with credit.engine.begin() as db:
        account = await keep_file(db, as_of_today(a_credit_file(*many)))
    made = [(await checked(credit, account.customer_id)).check_id for _ in range(4)]

    size = len(
        (await row_of(credit, CheckCredit(customer_id=account.customer_id, check_id=made[0])))["input_text"]
    )
    exported = await exported_checks(credit, account.customer_id)

    assert 2 * size < checks.EXPORTED_MAX_BYTES < 4 * size
    assert [each["check_id"] for each in exported] == made[::-1][: checks.EXPORTED_MAX_BYTES // size]


async def test_the_customer_of_the_seed_is_checked_as_the_seed_says(credit: Credit) -> None:
    async with credit.engine.begin() as db:
        account = await keep_file(db, as_of_today(CreditFile.model_validate_json(json.dumps(SEED["input"]))))

    answer = await credit.is_told(a_check(account.customer_id))

    report = CreditReport.model_validate_json(answer.body)
    assert (report.credit_score, report.credit_rating, report.risk_assessment) == (750, "excellent", "low")
    assert b'"recommended_credit_limit":15000.00,"current_credit_limit":10000.00,' in answer.body
    assert {each.name: each.value for each in report.factors} == SEED["expected"]["factors"]
    assert [each.code for each in report.reason_codes] == SEED["expected"]["reason_codes"]
