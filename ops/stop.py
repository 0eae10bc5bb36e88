"""The verbs `stop` and `reset`: end the running stack from another terminal, and forget its data."""

import os
import signal
import time

from ops import orphans, processes
from ops.output import console, fail
from ops.settings import Settings
from ops.state import Holder, StateFolder

LOOK_INTERVAL_S = 0.1
# The longest orderly end: the gateway, the services, Kafka and PostgreSQL, each with all its signals.
LONGEST_STOP_S = 120.0


def stop(settings: Settings) -> int:
    """Ask the supervisor to stop and wait until everything is down; the exit code."""
    state = StateFolder(settings.state_dir)
    holder = state.holder()
    if holder is not None:
        return _stop(state, holder)
    ended = orphans.end_orphans(state.records().values())
    if ended:
        console.say(f"ended what a killed supervisor had left: {', '.join(ended)}")
        state.keep_records({})
    else:
        console.say(f"nothing runs in {settings.state_dir}")
    return 0


def reset(settings: Settings) -> int:
    """Stop, then delete data, logs and passwords of the local stack; the exit code."""
    code = stop(settings)
    if code:
        return code
    state = StateFolder(settings.state_dir)
    if state.path.is_dir():
        state.delete_data()
    console.say(f"deleted the data in {settings.state_dir}; the downloads are kept")
    for service in settings.databases:
        console.say(f"the database given for {service} was not touched")
    if settings.kafka_bootstrap_servers:
        console.say("the given Kafka was not touched")
    return 0


def _stop(state: StateFolder, holder: Holder) -> int:
    if holder.pid:
        os.kill(holder.pid, signal.SIGTERM)
    deadline = time.monotonic() + LONGEST_STOP_S
    with console.status("stopping") as display:
        while state.holder() is not None:
            if time.monotonic() > deadline:
                fail(f"the supervisor (pid {holder.pid}) does not come to its end")
                return 1
            alive = [record.name for record in state.records().values() if processes.find(record)]
            display.update(f"stopping {', '.join(alive)}")
            time.sleep(LOOK_INTERVAL_S)
    console.say(f"stopped (supervisor was pid {holder.pid})")
    return 0
