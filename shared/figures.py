"""Kept figures that are not what they are made from: what verifying and rebuilding tell of them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.messaging import State


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that is not what it should be.

    Attributes:
        customer_id: Whose it is; None of a figure of all customers together.
        figure: Which one, and where there are several ways to compute it by which.
        kept: As it is in the table, as text; None where it is missing.
        true: As it should be, as text; None where there should be none.
    """

    customer_id: str | None
    figure: str
    kept: str | None
    true: str | None


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A customer whose figures were made anew.

    Attributes:
        found: What differed; where nothing did, nothing was written.
        states: What is to be published of it, each under a new version.
    """

    found: Sequence[Difference]
    states: Sequence[State]


@dataclass(frozen=True, slots=True)
class Copy:
    """What is kept of an entity of another service, or what its owner says of it.

    Attributes:
        entity_id: Its key on the owner's state topic.
        version: Of the state; 0 of one that was never heard.
        figures: As texts, in an order that is the same on both sides; None of an entity that was erased,
            of which nothing is kept.
    """

    entity_id: str
    customer_id: str
    version: int
    figures: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Page:
    """Which of many entities. after: the id behind which it begins. customer_id: None for those of all."""

    after: str
    at_most: int
    customer_id: str | None = None
