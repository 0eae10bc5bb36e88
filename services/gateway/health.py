"""/health: is the process alive, and can it serve. For supervisors and load balancers, outside /api."""

import json

from litestar import HttpMethod, route

from services.gateway.representations import Reply, json_reply
from services.gateway.requests import HttpRequest
from shared.rpc import Rpc

_READS = [HttpMethod.GET, HttpMethod.HEAD]
_NEVER_KEPT = (b"cache-control", b"no-store")


@route("/health/live", http_method=_READS)
async def get_liveness(request: HttpRequest) -> Reply:
    """200 as long as the process answers at all."""
    return json_reply(200, b'{"status":"ok"}', [_NEVER_KEPT])


@route("/health/ready", http_method=_READS)
async def get_readiness(request: HttpRequest) -> Reply:
    """200 where services can be asked, else 503 and why not."""
    rpc: Rpc = request.app.state.rpc
    if not (reasons := rpc.faults()):
        return json_reply(200, b'{"status":"ok"}', [_NEVER_KEPT])
    body = json.dumps({"status": "unavailable", "reasons": reasons}).encode()
    return json_reply(503, body, [_NEVER_KEPT])


HANDLERS = (get_liveness, get_readiness)
