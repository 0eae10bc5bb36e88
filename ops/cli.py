"""The command line `customers-api`: its verbs by name, nothing else."""

import os
from typing import Annotated

import typer

from ops.settings import Settings, SettingsInvalid

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Customers API on this machine: real PostgreSQL, real Kafka, every service.",
    epilog="Settings by environment: GATEWAY_PORT (8000), KAFKA_PORT (9092), POSTGRES_PORT (5433), "
    "STATE_DIR (.local), REPLICAS (1); KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL_<SERVICE> to use servers "
    "that run already.",
)


@app.command()
def run() -> None:
    """Start everything, follow the logs, and stop everything on Ctrl-C."""
    from ops import run as verb

    raise typer.Exit(verb.run(_settings()))


@app.command()
def stop() -> None:
    """Stop what runs and wait until it is down."""
    from ops import stop as verb

    raise typer.Exit(verb.stop(_settings()))


@app.command()
def reset() -> None:
    """Stop what runs and delete its data, logs and passwords."""
    from ops import stop as verb

    raise typer.Exit(verb.reset(_settings()))


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show what runs, since when, and whether it is healthy; exit code 0 only if all is."""
    from ops import status as verb

    raise typer.Exit(verb.status(_settings(), as_json))


@app.command()
def logs(
    process: Annotated[str | None, typer.Argument(help="Only this one, as `status` names it.")] = None,
    lines: Annotated[int, typer.Option(min=0, help="So many old lines of each first.")] = 20,
    follow: Annotated[bool, typer.Option(help="Go on with new lines until Ctrl-C.")] = True,
) -> None:
    """Show the logs and follow them."""
    from ops import logs as verb

    raise typer.Exit(verb.logs(_settings(), process, lines, follow))


def main() -> None:
    """Entry point of the installed command."""
    app()


def _settings() -> Settings:
    try:
        return Settings.from_environment(os.environ)
    except SettingsInvalid as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(2) from None
