"""OPTIONS: which methods a path knows."""

from collections import defaultdict
from collections.abc import Iterable

from litestar import HttpMethod, route
from litestar.handlers import HTTPRouteHandler

from services.gateway.representations import Reply


def options_of(handlers: Iterable[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """A handler of OPTIONS for each path of `handlers`; to be registered before them.

    Litestar's own knows only the methods of the handler that it met first at a path.
    """
    methods_by_path: dict[str, set[str]] = defaultdict(lambda: {"OPTIONS"})
    for handler in handlers:
        for path in handler.paths:
            methods_by_path[path] |= handler.http_methods
    return [_options(path, methods) for path, methods in methods_by_path.items()]


def _options(path: str, methods: set[str]) -> HTTPRouteHandler:
    allow = (b"allow", ", ".join(sorted(methods)).encode())

    @route(path, http_method=HttpMethod.OPTIONS, include_in_schema=False)
    async def get_options() -> Reply:
        return Reply(204, [allow])

    return get_options
