"""What an installation of containers needs once before its services start: passwords, and databases.

`python -m ops.containers secrets SERVICE` makes a password for each role of the service's database, unless
there are some, and writes each into the folder of those who may know it; `… database SERVICE` makes the
database and its roles. Both may be run again at any time.
"""

import asyncio
import sys
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import stamina

from ops.databases import Superuser, close_to_all, create_database, new_password, urls

USAGE = "usage: python -m ops.containers secrets|database SERVICE"
FOLDERS = Path("/secrets")
PORT = 5432
TRIED_FOR_S = 30.0  # a server that is healthy may still be restarting after its first set-up
NOT_YET = (OSError, asyncpg.CannotConnectNowError)


def make_secrets(service: str, folders: Path = FOLDERS) -> None:
    """Write the superuser's password, and the URLs of owner and runtime role, as far as they are missing.

    The command line, which looks into every database, has the runtime roles' URLs of all services in a folder
    of its own. The files are readable by everybody in the containers that mount their folder, and by nobody
    else.
    """
    made = urls(PORT, service, (new_password(), new_password()), host=_host(service))
    _write_once(folders / "admin" / "POSTGRES_PASSWORD", new_password())
    _write_once(folders / "owner" / f"DATABASE_OWNER_URL_{service.upper()}", made.owner)
    runtime = folders / "runtime" / f"DATABASE_URL_{service.upper()}"
    _write_once(runtime, made.runtime)
    _write(folders / "ops" / runtime.name, runtime.read_text())


async def make_database(service: str, folders: Path = FOLDERS) -> None:
    """Make the service's database and roles with the passwords that were made for them."""
    admin = (folders / "admin" / "POSTGRES_PASSWORD").read_text()
    runtime = (folders / "runtime" / f"DATABASE_URL_{service.upper()}").read_text()
    owner = (folders / "owner" / f"DATABASE_OWNER_URL_{service.upper()}").read_text()
    server = Superuser(PORT, admin, _host(service))
    async for attempt in stamina.retry_context(on=NOT_YET, attempts=None, timeout=TRIED_FOR_S):
        with attempt:
            await create_database(server, service, (_password(runtime), _password(owner)))
            await close_to_all(server)


def _host(service: str) -> str:
    return f"{service}-db"


def _password(url: str) -> str:
    return urlsplit(url).password or ""


def _write_once(file: Path, text: str) -> None:
    if not file.exists():
        _write(file, text)


def _write(file: Path, text: str) -> None:
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_text(text)
    unfinished.chmod(0o444)
    unfinished.replace(file)


def run(arguments: list[str]) -> None:
    """Do what the arguments say.

    Raises:
        SystemExit: they say nothing known.
    """
    match arguments:
        case ["secrets", service]:
            make_secrets(service)
        case ["database", service]:
            asyncio.run(make_database(service))
        case _:
            raise SystemExit(USAGE)


if __name__ == "__main__":
    run(sys.argv[1:])
