"""What the OpenAPI document says in words that no contract says: of headers, parameters and routes. Pure."""

from collections.abc import Mapping

from services.gateway.preferences import WAIT_MAX_S
from services.gateway.settings import GatewaySettings
from shared.contracts.periods import PERIODS

IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH = "Idempotency-Key", "If-Match", "If-None-Match"
PREFER_MINIMAL, PREFER_PROMISE = "Prefer.return", "Prefer.respond-async"  # the header, and of what in it

REQUEST_HEADERS = {
    IDEMPOTENCY_KEY: "1 to 255 visible ASCII characters, quoted or bare: a request that is sent again"
    " under its key is carried out once at most. Remembered for at least 24 hours; at present for 8 days.",
    IF_MATCH: 'Change only where the customer is at one of these versions: `"c7-p42"`; only c counts.',
    IF_NONE_MATCH: '304 where the client has it already: `"c7-p42"`.',
    PREFER_MINIMAL: "`return=minimal` answers only the id, what has changed, and `updated_at`.",
    PREFER_PROMISE: f"`wait=N` waits N seconds for the answer, 1 to {WAIT_MAX_S}. `respond-async` answers 202"
    " at once, with `wait=N` beside only when that time is over; the check is then sure to be made.",
    "X-Request-Id": "Comes back, and names the conversation on topics; at most 128 visible ASCII characters.",
    "traceparent": "W3C trace context; continued on topics.",
}
RESPONSE_HEADERS = {
    "ETag": "The version, for If-None-Match and If-Match.",
    "Location": "The path of what is created; that of a contact serves PUT and DELETE, not GET.",
    "Cache-Control": "Who may keep the answer.",
    "Idempotency-Replayed": "`true` where this is the kept answer to an earlier request.",
    "Preference-Applied": "What of Prefer was honoured.",
    "Retry-After": "Seconds.",
    "Allow": "The methods that the path knows.",
    "X-Request-Id": "The client's where it sent a valid one.",
    "X-Content-Type-Options": "nosniff",
}
BODY_LIMIT = f"At most {GatewaySettings.model_fields['body_max_bytes'].default // 1024} KiB."
AS_BILLING = (
    "Where a customer has no shipping address of its own, a `shipping_address` equal to its billing address,"
    " as it was shown or as the same request gives it, means: as billing."
)
_DATE = "an RFC 3339 date or date-time, in UTC where it has no offset; the + of an offset is written %2B"
_FROM = f"The earliest `order_date`, itself included: {_DATE}."
_TO = f"The latest `order_date`, itself included, of a date the whole day: {_DATE}. Not before `date_from`."
_STATUS = "One of these, or several separated by commas; `canceled` is `cancelled` as well. Absent for all."
_PERIOD = (
    "What `total_revenue`, `avg_payment_days`, `order_history` and `top_products` are of: the 30 or 90 days"
    " of 24 hours up to now, the year up to now, or all. Nothing else depends on it."
)
OWN_PARAMETERS: Mapping[str, dict[str, object]] = {  # that are not written as in the message
    "status": {"description": _STATUS, "style": "form", "explode": False},
    "date_from": {"description": _FROM, "schema": {"type": "string"}},
    "date_to": {"description": _TO, "schema": {"type": "string"}},
    "period": {"description": _PERIOD, "schema": {"type": "string", "enum": [*PERIODS], "default": "all"}},
}
OF_THE_PERIOD = (
    "Only `financial_summary.total_revenue`, `financial_summary.avg_payment_days`, `order_history` and"
    " `top_products` are of the period that is asked for. Everything else is of all time or as of now:"
    " `lifetime_value` stays what it is where `total_revenue` is that of 30 days."
)
MADE_ANYWAY = (
    "The body may be left out. Where no answer comes in time (504), and the problem says so, the check is"
    " made all the same and stands in the list of checks."
)
