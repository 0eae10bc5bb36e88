"""Every error as RFC 9457 `application/problem+json`: which code has which status, what an exception becomes.

A code is stable and machine-readable; `detail` is for people and may change. Nothing internal is ever told.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap, HTTPScope

from services.gateway.headers import header_lines, traceparent_of
from shared.contracts.values import CONTACTS_MAX
from shared.errors import DeadlineExceeded, Refused, Unavailable

MEDIA_TYPE = "application/problem+json"
ERRORS_MAX = 50
RETRY_AFTER_S = 1  # a restarted service or broker is back within seconds, and a retry costs little
READING = frozenset({"GET", "HEAD", "OPTIONS"})
IDEMPOTENT = frozenset({"PUT", "DELETE"})

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Kind:
    """What all problems of one code share: the HTTP status and a title that never changes."""

    status: int
    title: str


KINDS: Mapping[str, Kind] = {
    "malformed_json": Kind(400, "Request body is not readable"),
    "duplicate_member": Kind(400, "Request body has equal member names"),
    "invalid_parameter": Kind(400, "Query parameter is invalid"),
    "invalid_header": Kind(400, "Request header is invalid"),
    "customer_not_found": Kind(404, "Customer not found"),
    "contact_not_found": Kind(404, "Contact not found"),
    "order_not_found": Kind(404, "Order not found"),
    "check_not_found": Kind(404, "Credit check not found"),
    "route_not_found": Kind(404, "Route not found"),
    "method_not_allowed": Kind(405, "Method not allowed"),
    "not_acceptable": Kind(406, "No acceptable representation"),
    "customer_exists": Kind(409, "Customer exists already"),
    "customer_erased": Kind(409, "Customer has been erased"),
    "contact_exists": Kind(409, "Contact exists already"),
    "check_exists": Kind(409, "Credit check exists already"),
    "primary_contact_required": Kind(409, "A primary contact is required"),
    "currency_locked": Kind(409, "Currency is fixed"),
    "precondition_failed": Kind(412, "Precondition failed"),
    "payload_too_large": Kind(413, "Request body is too large"),
    "unsupported_media_type": Kind(415, "Media type is not supported"),
    "validation_error": Kind(422, "Request body is invalid"),
    "idempotency_key_reused": Kind(422, "Idempotency-Key was used for another request"),
    "internal_error": Kind(500, "Internal error"),
    "bus_unavailable": Kind(503, "Temporarily unavailable"),
    "shutting_down": Kind(503, "Shutting down"),
    "upstream_timeout": Kind(504, "No answer in time"),
}

_CODES_OF_THE_FRAMEWORK = {404: "route_not_found", 405: "method_not_allowed", 400: "invalid_header"}
_DETAILS_OF_THE_FRAMEWORK = {
    "route_not_found": "There is nothing at this path.",
    "method_not_allowed": "This path does not know this method; the Allow header names those it knows.",
    "invalid_header": "The Host header is not well formed.",  # the only 400 the router itself raises
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with a request.

    Attributes:
        pointer: Where in the body, an RFC 6901 pointer as URI fragment (`#/contacts/0/name`); None elsewhere.
        parameter: The query parameter's name; None in the body.
    """

    code: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None

    def as_members(self) -> dict[str, str]:
        """The error as it stands in a problem; what is None is left out."""
        place = {"pointer": self.pointer, "parameter": self.parameter}
        told = {**place, "code": self.code, "detail": self.detail}
        return {name: value for name, value in told.items() if value is not None}


class Problem(Exception):
    """A request ends in an error that is known here.

    Attributes:
        code: One of KINDS.
        errors: Everything that is wrong, at most 50.
        headers: What the response carries beside.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.errors = errors[:ERRORS_MAX]
        self.headers = headers or {}


CONTACTS_HAVE_ROUTES_OF_THEIR_OWN = FieldError(
    "contacts_have_routes_of_their_own",
    "must be left out, or be the contacts as they are; to change them, use POST /api/customers/:id/contacts"
    " and PUT or DELETE /api/customers/:id/contacts/:contact_id",
    pointer="#/contacts",
)

# Refusals that say what is wrong with a body, where only the service could know
_REFUSED_MEMBERS: Mapping[str, FieldError] = {
    error.code: error
    for error in (
        CONTACTS_HAVE_ROUTES_OF_THEIR_OWN,
        FieldError("several_primary_contacts", "one contact at most may be primary", pointer="#/contacts"),
        FieldError("too_many_contacts", f"a customer has at most {CONTACTS_MAX} contacts", pointer="#"),
    )
}


def invalid_members(errors: Sequence[FieldError]) -> Problem:
    """The problem of a body that is readable but wrong."""
    failed = "1 member" if len(errors) == 1 else f"{len(errors)} members"
    shown = f"; the first {ERRORS_MAX} are listed" if len(errors) > ERRORS_MAX else ""
    return Problem("validation_error", f"{failed} failed validation{shown}.", errors)


def problem_of(error: Exception, scope: HTTPScope) -> Problem:
    """What is told of an exception; what is not foreseen is an internal error without any particulars."""
    match error:
        case Problem():
            return error
        case Refused(refusal=refusal) if refusal.code in KINDS:
            return Problem(refusal.code, refusal.detail)
        case Refused(refusal=refusal) if refusal.code in _REFUSED_MEMBERS:
            return invalid_members([_REFUSED_MEMBERS[refusal.code]])
        case DeadlineExceeded():
            return Problem("upstream_timeout", _unanswered(scope))
        case Unavailable(code=code):
            detail = "The request was not accepted; nothing was done. Try again."
            return Problem(code, detail, headers={"Retry-After": str(RETRY_AFTER_S)})
        case HTTPException(status_code=status) if status in _CODES_OF_THE_FRAMEWORK:
            return _problem_of_the_framework(error)
        case _:
            return Problem("internal_error", "Something went wrong here; the request id helps to find it.")


def rendered(problem: Problem, scope: HTTPScope) -> bytes:
    """The JSON body of a problem, members in the order of the documentation."""
    kind = KINDS[problem.code]
    request_id: str = scope["state"]["request_id"]
    members: dict[str, Any] = {  # JSON: texts, a number and a list
        "type": f"/problems/{problem.code.replace('_', '-')}",
        "title": kind.title,
        "status": kind.status,
        "detail": problem.detail,
        "instance": f"/requests/{quote(request_id, safe='')}",
        "code": problem.code,
        "request_id": request_id,
    }
    if traceparent := traceparent_of(scope):
        members["traceparent"] = traceparent
    if problem.errors:
        members["errors"] = [error.as_members() for error in problem.errors]
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()


def respond(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The response to a request that ended in `error`; the one exception handler of the application."""
    problem = problem_of(error, request.scope)
    if problem.code == "internal_error":
        log.error("request.failed", request_id=request.scope["state"]["request_id"], exc_info=error)
    return Response(
        content=rendered(problem, request.scope),
        status_code=KINDS[problem.code].status,
        media_type=MEDIA_TYPE,
        # a 404 or 405 without it may be kept by caches, and the customer may come to be in the meantime
        headers={"Cache-Control": "no-store", **problem.headers},
    )


EXCEPTION_HANDLERS: ExceptionHandlersMap = {Exception: respond}


def _problem_of_the_framework(error: HTTPException) -> Problem:
    code = _CODES_OF_THE_FRAMEWORK[error.status_code]
    allow = (error.headers or {}).get("allow")
    headers = {"Allow": ", ".join(sorted(allow.split(", ")))} if allow else None
    return Problem(code, _DETAILS_OF_THE_FRAMEWORK[code], headers=headers)


def _unanswered(scope: HTTPScope) -> str:
    if scope["method"] in READING:
        return "No answer came in time. Try again."
    if scope["method"] in IDEMPOTENT:
        return (
            "No answer came in time; whether the request was carried out is not known."
            " Repeat it: carried out twice it does no more than once."
        )
    if header_lines(scope, b"idempotency-key"):
        return (
            "No answer came in time; whether the request was carried out is not known."
            " Repeat it with the same Idempotency-Key: it is carried out once at most."
        )
    return (
        "No answer came in time; whether the request was carried out is not known."
        " Look before you repeat it: only under an Idempotency-Key is it carried out once at most."
    )
