"""Start a service as a process: `python -m shared.serve customers`.

Does what `faststream run --factory services.customers.app:create_app` does, in three quarters of the time:
docs/decisions/0012-lean-start.md.
"""

import gc
import sys
from importlib import import_module

import uvloop

USAGE = "usage: python -m shared.serve SERVICE"


def serve(arguments: list[str]) -> None:
    """Run the service that the arguments name until it is told to stop.

    Raises:
        SystemExit: where there is no such service.
    """
    if len(arguments) != 1:
        raise SystemExit(USAGE)
    try:
        app = import_module(f"services.{arguments[0]}.app")
    except ModuleNotFoundError as missing:
        if missing.name not in (f"services.{arguments[0]}", f"services.{arguments[0]}.app"):
            raise
        raise SystemExit(f"there is no service {arguments[0]!r} here") from None
    uvloop.run(app.create_app().run())


if __name__ == "__main__":
    gc.disable()  # imports make no garbage, and looking for it takes a sixth of them; `memory.settle` ends it
    serve(sys.argv[1:])
