"""What credit does on which message, by noun."""

from services.credit.handlers import accounts, analytics, checks, orders, overdue, receivables
from shared.handlers import Handlers

handlers = Handlers(
    "credit",
    accounts.handlers,
    orders.handlers,
    receivables.handlers,
    overdue.handlers,
    checks.handlers,
    analytics.handlers,
)
