from datetime import date, timedelta
from decimal import Decimal

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.credit.reasons import SENTENCES
from services.credit.scoring import TCS_1, score
from shared.contracts.credit.files import CreditFile, InvoiceOnFile, OrdersOnFile, PaymentOnFile
from shared.contracts.values import CREDIT_LIMIT_MAX

AS_OF = date(2024, 1, 15)
WINDOW_DAYS = 730
MANY = settings(max_examples=200)

amounts = st.decimals("0.01", "90000.00", places=2)
limits = st.one_of(
    st.sampled_from([Decimal(0), Decimal("500.00"), CREDIT_LIMIT_MAX]), st.decimals(0, "50000.00", places=2)
)
past_days = st.integers(0, WINDOW_DAYS).map(lambda days: AS_OF - timedelta(days=days))
due_days = st.integers(-60, WINDOW_DAYS + 200).map(lambda days: AS_OF - timedelta(days=days))


@st.composite
def invoices(draw: st.DrawFn) -> InvoiceOnFile:
    """Paid not at all, in part, in full, or more than that."""
    amount = draw(amounts)
    shares = draw(st.sampled_from([[], ["0.5"], ["1"], ["0.3", "0.7"], ["1.2"]]))
    payments = [
        PaymentOnFile(paid_on=draw(past_days), amount=(amount * Decimal(share)).quantize(Decimal("0.01")))
        for share in shares
    ]
    return InvoiceOnFile(amount=amount, due_on=draw(due_days), payments=tuple(payments))


orders = st.builds(
    OrdersOnFile,
    accepted=st.integers(0, 80),
    cancelled_or_returned=st.integers(0, 40),
    purchases=st.decimals(0, "300000.00", places=2),
    last_order_on=st.none() | st.integers(0, 500).map(lambda days: AS_OF - timedelta(days=days)),
)
any_files = st.builds(
    CreditFile,
    model=st.just(TCS_1),
    as_of=st.just(AS_OF),
    customer_since=st.dates(date(2015, 1, 1), AS_OF),
    is_active=st.booleans(),
    credit_limit=limits,
    receivable_balance=st.decimals("-5000.00", "60000.00", places=2),
    reserved=st.decimals(0, "20000.00", places=2),
    terms_days=st.sampled_from([0, 7, 10, 15, 30, 45, 60, 90]),
    orders=orders,
    invoices=st.lists(invoices(), max_size=8).map(tuple),
)

prompt_invoices = st.builds(
    lambda amount, days, early: InvoiceOnFile(
        amount=amount,
        due_on=AS_OF - timedelta(days=days),
        payments=(PaymentOnFile(paid_on=AS_OF - timedelta(days=days + early), amount=amount),),
    ),
    amount=amounts,
    days=st.integers(10, 600),
    early=st.integers(-8, 40),
)
good_files = st.builds(
    lambda file, paid, orders: file.model_copy(
        update={
            "is_active": True,
            "credit_limit": file.credit_limit + 20_000,
            "receivable_balance": min(file.receivable_balance, Decimal("9000.00")),
            "reserved": min(file.reserved, Decimal("1000.00")),
            "invoices": tuple(paid),
            "orders": file.orders.model_copy(
                update={"accepted": orders, "cancelled_or_returned": 0, "last_order_on": AS_OF}
            ),
        }
    ),
    file=any_files.filter(lambda file: file.credit_limit < CREDIT_LIMIT_MAX),
    paid=st.lists(prompt_invoices, min_size=3, max_size=8),
    orders=st.integers(12, 80),
)
files = any_files | good_files


@MANY
@given(files)
def test_a_score_keeps_its_bounds_and_its_parts_agree(file: CreditFile) -> None:
    scored = score(file)

    assert 300 <= scored.credit_score <= scored.raw_score <= 850
    assert 0 <= scored.points <= 10_000
    assert all(0 <= value <= 100 for value in dict(scored.factors).values())
    assert 0 <= scored.recommended_credit_limit <= CREDIT_LIMIT_MAX
    assert len(scored.reason_codes) == len(set(scored.reason_codes)) <= 4
    assert set(scored.reason_codes) <= set(SENTENCES)
    assert scored.reason_codes[: len(scored.gates)] == scored.gates[:4]


@given(files)
def test_the_same_file_scores_the_same_also_after_it_was_stored(file: CreditFile) -> None:
    stored = CreditFile.model_validate_json(file.model_dump_json())

    assert stored == file
    assert score(stored) == score(file)


@given(files, st.randoms(use_true_random=False))
def test_the_order_of_invoices_does_not_matter(file: CreditFile, random: object) -> None:
    shuffled = list(file.invoices)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a Random

    assert score(file.model_copy(update={"invoices": tuple(shuffled)})) == score(file)


@given(files)
def test_nothing_is_recommended_to_an_inactive_customer(file: CreditFile) -> None:
    assert score(file.model_copy(update={"is_active": False})).recommended_credit_limit == 0


@given(good_files)
def test_a_good_customer_is_never_recommended_a_cut(file: CreditFile) -> None:
    scored = score(file)
    assume(scored.credit_rating in {"good", "very_good", "excellent"})

    assert scored.recommended_credit_limit >= file.credit_limit


@MANY
@given(files, st.data())
def test_paying_later_never_raises_the_score(file: CreditFile, data: st.DataObject) -> None:
    paid = [number for number, invoice in enumerate(file.invoices) if invoice.payments]
    assume(paid)
    number = data.draw(st.sampled_from(paid))
    invoice = file.invoices[number]
    first, *others = invoice.payments
    days = data.draw(st.integers(0, (AS_OF - first.paid_on).days))
    later = first.model_copy(update={"paid_on": first.paid_on + timedelta(days=days)})
    changed = invoice.model_copy(update={"payments": (later, *others)})
    worse = file.model_copy(
        update={"invoices": (*file.invoices[:number], changed, *file.invoices[number + 1 :])}
    )

    assert score(worse).credit_score <= score(file).credit_score


@MANY
@given(files, amounts)
def test_more_reserved_never_raises_the_score(file: CreditFile, more: Decimal) -> None:
    worse = file.model_copy(update={"reserved": file.reserved + more})

    assert score(worse).credit_score <= score(file).credit_score


@MANY
@given(files)
def test_one_more_cancellation_of_three_orders_or_more_never_raises_the_score(file: CreditFile) -> None:
    assume(file.orders.accepted + file.orders.cancelled_or_returned >= 3)
    one_more = {"cancelled_or_returned": file.orders.cancelled_or_returned + 1}
    worse = file.model_copy(update={"orders": file.orders.model_copy(update=one_more)})

    assert score(worse).credit_score <= score(file).credit_score
