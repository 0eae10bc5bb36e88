"""What a customer owes, and how it pays."""

from services.credit.analytics import answer, risk_of
from services.credit.handlers.accounts import existing
from services.credit.postings import day
from services.credit.settlements import spans
from services.credit.store import analytics
from shared.contracts.credit.answers import CreditAnalytics
from shared.contracts.credit.requests import GetCreditAnalytics
from shared.handlers import Handlers, Reading
from shared.messaging import Answer

handlers = Handlers("credit")


@handlers.on(GetCreditAnalytics)
async def get_credit_analytics(query: GetCreditAnalytics, context: Reading) -> Answer[CreditAnalytics]:
    """Show the figures; where nobody has computed the risk of what is on file now, do, and remember it."""
    today = day(query.now)
    found = await analytics.find(context.db, query.customer_id, today, spans(query.period, query.now))
    figures = existing(found, query.customer_id, context)
    risk = risk_of(figures, today)
    if figures.risk is None:
        await analytics.remember_risk(context.db, figures, today, risk)
    return answer(figures, risk)
