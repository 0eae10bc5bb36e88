"""A customer's analytics as one answer, made of the finished answers of three services. Pure.

The classes are the answer's form, for the document and for the composition alike: members stand in their
order, and numbers are taken over as they are written.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from services.gateway.representations import written_members
from shared.contracts.credit.answers import Risk
from shared.contracts.orders.answers import MonthOfOrders, ProductSold, Segment
from shared.contracts.periods import Period, begin_of
from shared.contracts.values import NumberInAnswer, instant_in_answer
from shared.messaging import Answer, Value


class NamedCustomer(Value):
    """A customer by id and name."""

    id: str
    name: str


class Overview(Value):
    """What a customer has ordered in all. Accepted orders alone count, less what was returned.

    last_order_date: Null before the first order. days_since_last_order: Calendar days in UTC; null before the
    first order.
    """

    lifetime_value: NumberInAnswer
    total_orders: int
    avg_order_value: NumberInAnswer
    last_order_date: datetime | None
    customer_since: datetime
    days_since_last_order: int | None


class FinancialSummary(Value):
    """What a customer has brought in and what it owes.

    total_revenue: Of orders of the period, less what was returned of them. current_balance: As of now; orders
    that are not shipped yet are not in it. credit_limit: As of now.
    credit_utilization: As of now; percent of the limit that the balance takes, one decimal, never below 0, of
    a limit of 0 it is 0.0, or 100.0 where there is a balance. avg_payment_days: From invoice to last payment,
    of invoices settled in the period, the whole of its first day included; null where there is none.
    """

    total_revenue: NumberInAnswer
    current_balance: NumberInAnswer
    credit_limit: NumberInAnswer
    credit_utilization: NumberInAnswer
    avg_payment_days: int | None


class Window(Value):
    """The period that was asked for, from its first instant up to the one after its last, in UTC."""

    code: Period
    begin: datetime | None = Field(alias="from", description="Itself included; null where all counts.")
    end: datetime | None = Field(alias="to", description="Itself excluded; null where all counts.")


class Models(Value):
    """By which rules what is judged was judged: their versions."""

    customer_segment: str
    risk_score: str


class CustomerAnalytics(Value):
    """A customer in figures, of which four are of the period that was asked for.

    Of the period: `total_revenue`, `avg_payment_days`, `order_history` and `top_products`. Not of the period:
    everything of `overview`, the balance, limit and utilization, the segment and the risk; they are of all
    time or as of now, whatever the period.
    order_history: Months of the period by `order_date`, newest first; months without orders are left out, and
    the first and the last hold what of them lies in the period. top_products: Of the period, by revenue, then
    quantity; five at most. customer_segment: Not of the period; values may be added.
    risk_score: Not of the period; as a credit check of today would assess it.
    as_of: Since when the figures have stood as shown; null before the first.
    """

    customer: NamedCustomer
    overview: Overview
    financial_summary: FinancialSummary
    order_history: list[MonthOfOrders]
    top_products: list[ProductSold]
    customer_segment: Segment
    risk_score: Risk
    currency: str
    period: Window
    as_of: datetime | None
    models: Models


Texts = Mapping[str, str]
"""Members of a JSON object by name, each as it is written."""


def composed(
    customer: Answer[Any], orders: Answer[Any], credit: Answer[Any], period: Period, now: datetime
) -> Answer[CustomerAnalytics]:
    """One answer made of the answers of customers, orders and credit; now: where the period ends."""
    who, bought, owed = (dict(written_members(each.body.decode())) for each in (customer, orders, credit))
    figures = {**owed, **bought, "customer_since": who["customer_since"]}
    models = {"customer_segment": bought["segment_version"], "risk_score": owed["model_version"]}
    parts = {
        "customer": _object(NamedCustomer, who),
        "overview": _object(Overview, figures),
        "financial_summary": _object(FinancialSummary, figures),
        "currency": who["currency"],
        "period": _object(Window, _window(period, now)),
        "as_of": _newer(bought["as_of"], owed["as_of"]),
        "models": _object(Models, models),
    }
    return Answer(_object(CustomerAnalytics, {**figures, **parts}).encode())


def _object(form: type[Value], texts: Texts) -> str:
    names = [member.alias or name for name, member in form.model_fields.items()]
    return "{" + ",".join(f'"{name}":{texts[name]}' for name in names) + "}"


def _window(period: Period, now: datetime) -> Texts:
    begin = begin_of(period, now)
    end = None if begin is None else now
    return {"code": json.dumps(period), "from": instant_in_answer(begin), "to": instant_in_answer(end)}


def _newer(one: str, other: str) -> str:
    """The later of two instants as text; instants of one form are in order as their texts are."""
    return max((each for each in (one, other) if each != "null"), default="null")
