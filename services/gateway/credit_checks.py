"""/api/customers/:id/credit-check and …/credit-checks: check a customer's credit, read earlier checks.

A check that the broker has taken is made and kept, whoever still waits for it. So a client may have a promise
instead of an answer: 202 is given only once the broker has acknowledged the command.
"""

from litestar import HttpMethod, post, route

from services.gateway.addressing import check_id, customer_id
from services.gateway.bodies import read_members_if_any
from services.gateway.headers import header_lines
from services.gateway.parameters import PAGED, Parameters, query_of, refuse_parameters
from services.gateway.preferences import Patience, patience
from services.gateway.problems import Problem
from services.gateway.representations import Reply, applied, done, json_reply, page, shown
from services.gateway.requests import HttpRequest, command_id, hand_over, relay
from services.gateway.validation import validated
from shared.contracts.credit.requests import CheckCredit, FindCreditChecks, GetCreditCheck
from shared.errors import DeadlineExceeded
from shared.ids import prefixed_id

PARAMETERS = Parameters(PAGED)

_READS = [HttpMethod.GET, HttpMethod.HEAD]
_CHECKS = "/customers/{customer_id:str}/credit-checks"


@post("/customers/{customer_id:str}/credit-check", status_code=200)
async def check_credit(request: HttpRequest) -> Reply:
    """Check a customer's credit, with an Idempotency-Key once at most."""
    refuse_parameters(request)
    command = command_id(request)
    to = {"customer_id": customer_id(request), "check_id": prefixed_id("chk", command)}
    check = validated(CheckCredit, to, await read_members_if_any(request))
    wished = patience(header_lines(request.scope, b"prefer"))
    return await _answered_or_promised(request, check, str(command), wished)


@route(_CHECKS, http_method=_READS)
async def find_credit_checks(request: HttpRequest) -> Reply:
    """One page of a customer's credit checks, newest first."""
    to = {"customer_id": customer_id(request)}
    return page(await relay(request, query_of(request, FindCreditChecks, PARAMETERS, to)))


@route(f"{_CHECKS}/{{check_id:str}}", http_method=_READS)
async def get_credit_check(request: HttpRequest) -> Reply:
    """One credit check; one that is still to be made is waited for."""
    refuse_parameters(request)
    check = GetCreditCheck(customer_id=customer_id(request), check_id=check_id(request))
    return shown(await relay(request, check))


HANDLERS = (check_credit, find_credit_checks, get_credit_check)


async def _answered_or_promised(
    request: HttpRequest, check: CheckCredit, command: str, wished: Patience
) -> Reply:
    try:
        if wished.takes_promise and wished.wait_s is None:
            await hand_over(request, check, command)
            return _promised(check, wished)
        answer = await relay(request, check, message_id=command, wait_s=wished.wait_s)
    except DeadlineExceeded as silence:
        if not silence.is_acknowledged:
            raise
        if wished.takes_promise:
            return _promised(check, wished)
        detail = f"No answer came in time. The request is still carried out: look for it at {_path(check)}."
        raise Problem("upstream_timeout", detail) from None
    return done(answer, applied(wished.waited))


def _promised(check: CheckCredit, wished: Patience) -> Reply:
    body = b'{"data":{"check_id":"%b","status":"pending"}}' % check.check_id.encode("ascii")
    headers = [(b"location", _path(check).encode("ascii")), *applied([b"respond-async", *wished.waited])]
    return json_reply(202, body, headers)


def _path(check: CheckCredit) -> str:
    return f"/api/customers/{check.customer_id}/credit-checks/{check.check_id}"
