"""Pages of lists: which one is asked for, and where it stands. Pure."""

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from shared.messaging import Value

LIMIT_MAX = 100
DEPTH_MAX = 1_000_000  # of a list, in items: who needs all of them reads the state topic
COUNTED_MAX = 10_000  # of what conditions find; more are not counted

PageNumber = Annotated[int, Field(ge=1, le=DEPTH_MAX, strict=True)]
PageLimit = Annotated[int, Field(ge=1, le=LIMIT_MAX, strict=True)]


class PageMeta(Value):
    """Where a page stands in its list.

    total: how many there are in all; exact where a count is kept, else counted up to 10,000.
    hasMore: whether there is a next page that may be asked for.
    total_is_capped: true where there are more than `total`, else absent.
    """

    total: int
    page: int
    limit: int
    hasMore: bool  # noqa: N815  # so it is documented
    total_is_capped: bool | None = None


class Paged(Value):
    """Which page of a list is asked for. page: from 1; page x limit is at most 1,000,000. limit: 1..100."""

    page: PageNumber = 1
    limit: PageLimit = 20

    @property
    def depth_max(self) -> int:
        """How far into the list a page may end, in items."""
        return DEPTH_MAX

    @model_validator(mode="after")
    def _not_too_deep(self) -> Self:
        if self.page * self.limit > self.depth_max:
            raise PydanticCustomError(
                "out_of_range", "page x limit must be at most {depth_max}", {"depth_max": self.depth_max}
            )
        return self
