"""Writes the documents: `python -m ops.documents.writing`, which is `make docs`."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from ops.documents.asyncapi import asyncapi_document
from ops.documents.messages import messages_document
from ops.output import console
from services.gateway.openapi import openapi_document

FOLDER = Path(__file__).resolve().parents[2] / "docs"


def openapi_text() -> str:
    """The document that the gateway serves, laid out to be read."""
    return json.dumps(openapi_document(), ensure_ascii=False, indent=2) + "\n"


DOCUMENTS: Mapping[str, Callable[[], str]] = {
    "openapi.json": openapi_text,
    "asyncapi.yaml": asyncapi_document,
    "messages.md": messages_document,
}


def write_all(folder: Path = FOLDER) -> None:
    """Write every document anew, and say which."""
    for name, made in DOCUMENTS.items():
        (folder / name).write_text(made(), encoding="utf-8")
        console.say(f"wrote {folder / name}")


if __name__ == "__main__":
    write_all()
