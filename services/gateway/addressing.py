"""Whom a request concerns: the ids in its path, and the versions that its If-Match allows."""

import re

from services.gateway.entity_tags import expected_versions
from services.gateway.headers import header_lines
from services.gateway.problems import Problem
from services.gateway.requests import HttpRequest
from services.gateway.validation import Addressing
from shared.contracts.values import CHECK_ID, CONTACT_ID, CUSTOMER_ID, ORDER_ID

_IDS = {
    "customer": re.compile(CUSTOMER_ID),
    "contact": re.compile(CONTACT_ID),
    "order": re.compile(ORDER_ID),
    "check": re.compile(CHECK_ID),
}


def customer_id(request: HttpRequest) -> str:
    """The customer's id; one that no customer can have needs no asking.

    Raises:
        Problem: `customer_not_found`.
    """
    return _id_of("customer", request)


def order_id(request: HttpRequest) -> str:
    """The order's id, likewise.

    Raises:
        Problem: `order_not_found`.
    """
    return _id_of("order", request)


def check_id(request: HttpRequest) -> str:
    """The credit check's id, likewise.

    Raises:
        Problem: `check_not_found`.
    """
    return _id_of("check", request)


def addressed(request: HttpRequest) -> Addressing:
    """The members of a command that path and headers give: ids, and `expected_versions` unless any will do.

    Raises:
        Problem: `invalid_header`, `customer_not_found`, `contact_not_found`.
    """
    versions = expected_versions(header_lines(request.scope, b"if-match"))
    members: Addressing = {"customer_id": customer_id(request)}
    if "contact_id" in request.path_params:
        members["contact_id"] = _id_of("contact", request)
    if versions is not None:
        members["expected_versions"] = versions
    return members


def _id_of(entity: str, request: HttpRequest) -> str:
    given: str = request.path_params[f"{entity}_id"]
    if not _IDS[entity].fullmatch(given):
        raise Problem(f"{entity}_not_found", f"There is no {entity} of this id.")
    return given
