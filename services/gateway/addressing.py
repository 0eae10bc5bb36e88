"""Whom a request concerns: the ids in its path, and the versions that its If-Match allows."""

import re

from services.gateway.entity_tags import expected_versions
from services.gateway.headers import header_lines
from services.gateway.problems import Problem
from services.gateway.requests import HttpRequest
from services.gateway.validation import Addressing
from shared.contracts.values import CONTACT_ID, CUSTOMER_ID

_CUSTOMER_ID = re.compile(CUSTOMER_ID)
_CONTACT_ID = re.compile(CONTACT_ID)


def customer_id(request: HttpRequest) -> str:
    """The customer's id; one that no customer can have needs no asking.

    Raises:
        Problem: `customer_not_found`.
    """
    given: str = request.path_params["customer_id"]
    if not _CUSTOMER_ID.fullmatch(given):
        raise Problem("customer_not_found", "There is no customer of this id.")
    return given


def addressed(request: HttpRequest) -> Addressing:
    """The members of a command that path and headers give: ids, and `expected_versions` unless any will do.

    Raises:
        Problem: `invalid_header`, `customer_not_found`, `contact_not_found`.
    """
    versions = expected_versions(header_lines(request.scope, b"if-match"))
    members: Addressing = {"customer_id": customer_id(request)}
    if "contact_id" in request.path_params:
        members["contact_id"] = _contact_id(request)
    if versions is not None:
        members["expected_versions"] = versions
    return members


def _contact_id(request: HttpRequest) -> str:
    given: str = request.path_params["contact_id"]
    if not _CONTACT_ID.fullmatch(given):
        raise Problem("contact_not_found", "There is no contact of this id.")
    return given
