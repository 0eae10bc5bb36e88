import asyncio

from tests.e2e.support import a_customer, assert_problem, created, data
from tests.support.builders import a_customer_id
from tests.support.system import ApplicationUnderTest

DOCUMENTED = [
    "customer_id",
    "credit_score",
    "credit_rating",
    "recommended_credit_limit",
    "current_credit_limit",
    "risk_assessment",
    "last_checked",
]
ADDED = ["check_id", "status", "model_version", "reason_codes", "factors", "thin_file", "as_of"]
ASYNC = {"Prefer": "respond-async"}


async def test_a_customer_without_history_is_scored_as_such(app: ApplicationUnderTest) -> None:
    customer = await a_customer(app, credit_limit=5000)

    answer = await app.http.post(f"/api/customers/{customer['id']}/credit-check")

    report = data(answer)
    assert (answer.status_code, list(report)) == (200, DOCUMENTED + ADDED)
    assert "Location" not in answer.headers
    assert (report["credit_score"], report["credit_rating"], report["risk_assessment"]) == (
        630,
        "fair",
        "medium",
    )
    assert '"recommended_credit_limit":5000.00,"current_credit_limit":5000.00' in answer.text
    codes = [reason["code"] for reason in report["reason_codes"]]
    assert codes == ["R09_INSUFFICIENT_HISTORY", "R06_SHORT_RELATIONSHIP", "R07_LOW_RECENT_ACTIVITY"]
    assert report["thin_file"] is True


async def test_a_check_is_kept_and_found_again(app: ApplicationUnderTest) -> None:
    customer = await a_customer(app, credit_limit=5000)
    path = f"/api/customers/{customer['id']}"
    first = data(await app.http.post(f"{path}/credit-check"))
    await app.http.put(path, json={"credit_limit": 7000})

    second = data(await app.http.post(f"{path}/credit-check", json={}))

    assert first["check_id"] != second["check_id"]
    page = (await app.http.get(f"{path}/credit-checks", params={"limit": "1"})).json()
    assert page["data"] == [second]
    assert page["meta"] == {"total": 2, "page": 1, "limit": 1, "hasMore": True}
    again = await app.http.get(f"{path}/credit-checks/{first['check_id']}")
    assert data(again) == first


async def test_a_changed_limit_counts_in_the_next_check(app: ApplicationUnderTest) -> None:
    customer = await a_customer(app, credit_limit=5000)
    path = f"/api/customers/{customer['id']}"
    await app.http.post(f"{path}/credit-check")
    await app.http.put(path, json={"credit_limit": 7000})

    async def limit() -> float:
        return float(data(await app.http.post(f"{path}/credit-check"))["current_credit_limit"])

    limits = [await limit() for _ in range(20)]
    assert sorted(limits) == limits
    assert limits[-1] == 7000.0


async def test_an_inactive_customer_can_be_checked_and_is_recommended_nothing(
    app: ApplicationUnderTest,
) -> None:
    customer = await a_customer(app, credit_limit=5000, is_active=False)

    report = data(await app.http.post(f"/api/customers/{customer['id']}/credit-check"))

    assert report["recommended_credit_limit"] == 0.0
    assert report["reason_codes"][0]["code"] == "R14_ACCOUNT_INACTIVE"


async def test_a_check_can_be_fetched_from_where_it_was_promised(app: ApplicationUnderTest) -> None:
    path = str((await created(app, credit_limit=5000)).headers["Location"])

    promised = await app.http.post(f"{path}/credit-check", headers=ASYNC)
    fetched = await app.http.get(promised.headers["Location"])

    assert promised.status_code == 202
    assert promised.headers["Preference-Applied"] == "respond-async"
    check = data(fetched)
    assert (fetched.status_code, check["status"]) == (200, "completed")
    assert promised.headers["Location"] == f"{path}/credit-checks/{check['check_id']}"


async def test_a_check_that_comes_in_time_is_answered_at_once_though_it_need_not_be(
    app: ApplicationUnderTest,
) -> None:
    path = str((await created(app, credit_limit=5000)).headers["Location"])

    answer = await app.http.post(f"{path}/credit-check", headers={"Prefer": "respond-async, wait=10"})

    assert answer.status_code == 200
    assert data(answer)["status"] == "completed"


async def test_a_repeat_of_a_key_is_one_check(app: ApplicationUnderTest) -> None:
    path = str((await created(app, credit_limit=5000)).headers["Location"])
    key = {"Idempotency-Key": "once"}

    answers = await asyncio.gather(*(app.http.post(f"{path}/credit-check", headers=key) for _ in range(5)))
    promised = await app.http.post(f"{path}/credit-check", headers={**key, **ASYNC})

    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 4
    check_id = data(answers[0])["check_id"]
    assert (promised.status_code, promised.headers["Location"]) == (202, f"{path}/credit-checks/{check_id}")
    assert (await app.http.get(f"{path}/credit-checks")).json()["meta"]["total"] == 1


async def test_nobody_is_not_checked(app: ApplicationUnderTest) -> None:
    path = f"/api/customers/{a_customer_id()}"

    assert_problem(await app.http.post(f"{path}/credit-check"), 404, "customer_not_found")
    promised = await app.http.post(f"{path}/credit-check", headers=ASYNC)
    assert_problem(await app.http.get(promised.headers["Location"]), 404, "customer_not_found")
    assert_problem(await app.http.get(f"{path}/credit-checks"), 404, "customer_not_found")
