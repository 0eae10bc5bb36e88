"""`customers-api run` with stubs in place of the services, settings from the environment as usual."""

import os
import sys
from pathlib import Path

from ops.processes import python
from ops.run import run
from ops.services import Commands
from ops.settings import Settings

STUB = str(Path(__file__).with_name("stub.py"))
NOTHING = python("-c", "")

if __name__ == "__main__":
    commands = Commands(
        migrate=NOTHING, topics=NOTHING, service=python(STUB, "ready"), gateway=python(STUB, "ready")
    )
    sys.exit(run(Settings.from_environment(os.environ), commands))
