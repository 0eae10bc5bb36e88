"""The verb `credit rescore`: what credit checks were made from, scored once more."""

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from pydantic import ValidationError

from ops.bus import reason
from ops.export import indented
from ops.output import fail
from services.credit.scoring import MODELS, Score, score
from shared.contracts.credit.files import CreditFile


class Unscorable(Exception):
    """Inputs that are not what they must be; the message has a line for each, by its place in the array."""


def rescore(file: Path) -> int:
    """Print what the inputs in a file score as JSON, an object for one, an array for an array; the exit code.

    file: `-` for standard input. 1: an input is not what it must be; all faults are told, and nothing else.
    2: there is no JSON to be read.
    """
    try:
        text = sys.stdin.buffer.read() if file == Path("-") else file.read_bytes()
        inputs = _inputs(text)
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        fail(f"{file}: {error}")
        return 2
    try:
        printed = b",".join(_printed(each) for each in scores(inputs))
    except Unscorable as error:
        fail(str(error))
        return 1
    sys.stdout.buffer.write(indented(b"[%b]" % printed if _is_array(text) else printed))
    return 0


def scores(inputs: Sequence[bytes]) -> list[Score]:
    """What each input scores, in their order.

    Raises:
        Unscorable: some of them cannot be.
    """
    found: list[Score] = []
    faults: list[str] = []
    for index, text in enumerate(inputs):
        try:
            file = CreditFile.model_validate_json(text)
        except ValidationError as error:
            faults.append(f"[{index}] {reason(error)}")
            continue
        if file.model in MODELS:
            found.append(score(file))
        else:
            faults.append(f"[{index}] model: unknown; there is: {', '.join(MODELS)}")
    if faults:
        raise Unscorable("\n".join(faults))
    return found


def _inputs(text: bytes) -> list[bytes]:
    if _is_array(text):
        return [bytes(each) for each in msgspec.json.decode(text, type=list[msgspec.Raw])]
    msgspec.json.decode(text)  # so that what is no JSON at all is told apart from a wrong input
    return [text]


def _is_array(text: bytes) -> bool:
    return text.lstrip().startswith(b"[")


def _printed(scored: Score) -> bytes:
    """As the published cases tell what is expected: the gates are among the reasons."""
    return scored.model_dump_json(exclude={"gates"}).encode()
