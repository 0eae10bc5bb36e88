"""A service of no use: writes heartbeats and obeys SIGTERM, or does what its first argument says.

`ready` is all well; `hangs` writes one heartbeat and no more; `dies` ends at once; `silent` writes none.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path


def write_heartbeat(file: Path) -> None:
    said = {"pid": os.getpid(), "started_at": "", "at": time.time(), "ready": True, "reasons": []}
    draft = file.with_suffix(".tmp")
    draft.write_text(json.dumps(said))
    draft.replace(file)


def main(behaviour: str) -> None:
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: ended.set())
    if behaviour == "dies":
        sys.exit("no use")
    if behaviour != "silent":
        write_heartbeat(Path(os.environ["HEALTH_FILE"]))
    while not ended.wait(0.2):
        if behaviour == "ready":
            write_heartbeat(Path(os.environ["HEALTH_FILE"]))


main(sys.argv[1])
