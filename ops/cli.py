"""The command line `customers-api`: its verbs by name, nothing else."""

import os
from pathlib import Path
from typing import Annotated

import typer

from ops.settings import Settings, SettingsInvalid

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Customers API on this machine: real PostgreSQL, real Kafka, every service.",
    epilog="Settings by environment: GATEWAY_PORT (8000), KAFKA_PORT (9092), POSTGRES_PORT (5433), "
    "STATE_DIR (.local), REPLICAS (1), METRICS_PORT (0: none); KAFKA_BOOTSTRAP_SERVERS and "
    "DATABASE_URL_<SERVICE> to use servers that run already.",
)

AWAITED = "Seconds for a service to publish what it has said, and to read what it follows."

credit = typer.Typer(no_args_is_help=True, help="What credit keeps, looked into.")
app.add_typer(credit, name="credit")


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
    """Show what runs, since when, and whether it is healthy; exit code 0 only if all is.

    Within an installation of containers (GATEWAY_URL is set): the gateway's readiness, the members and lag of
    each consumer group, and the oldest row of each outbox.
    """
    if gateway_url := os.environ.get("GATEWAY_URL"):
        from ops import installation

        raise typer.Exit(installation.status(_settings(), gateway_url, as_json))
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


@app.command()
def demo(
    slowly: Annotated[bool, typer.Option("--slowly", help="Then go on placing orders until Ctrl-C.")] = False,
) -> None:
    """Fill the running system with a small world: fifty customers, years of orders, sent through the topics.

    What is there already is not sent again; a run that was broken off is gone on with.
    """
    from ops.demo import verb

    raise typer.Exit(verb.demo(_settings(), slowly))


@app.command()
def send(
    wire_type: Annotated[str, typer.Argument(metavar="TYPE", help="Of the command: customer.import.v1.")],
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE|-]", exists=True, dir_okay=False, allow_dash=True)
    ] = None,
    source: Annotated[str, typer.Option(help="The sender, as `ce_source`.")] = "/customers-api/send",
    wait: Annotated[bool, typer.Option("--wait", help="Ask for an answer to each line.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="With --wait: seconds for each.")] = 300.0,
) -> None:
    """Publish commands, a line of JSON each, as another team's system would."""
    from ops import send as verb

    raise typer.Exit(verb.send(_settings(), wire_type, file or Path("-"), source, timeout if wait else None))


@app.command()
def erase(
    customer_id: Annotated[str, typer.Argument(metavar="CUSTOMER_ID")],
    reason: Annotated[str | None, typer.Option(help="For the sender's own records; not kept.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a customer and its contacts for good."""
    from ops import erase as verb

    raise typer.Exit(verb.erase(_settings(), customer_id, reason, yes))


@app.command()
def export(customer_id: Annotated[str, typer.Argument(metavar="CUSTOMER_ID")]) -> None:
    """Print everything that customers, orders and credit hold about a customer, as JSON."""
    from ops import export as verb

    raise typer.Exit(verb.export(_settings(), customer_id))


@app.command()
def verify(
    service: Annotated[str | None, typer.Argument(metavar="[SERVICE]", help="Only this one.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help=AWAITED)] = 60.0,
) -> None:
    """Compare every kept figure with what it is made from, and show where it differs.

    Looks into the databases of DATABASE_URL_<SERVICE>, else into those of the local stack; changes nothing.
    Exit code 0: no differences; 1: some; 2: something does not answer.
    """
    from ops import verify as verb

    raise typer.Exit(verb.verify(_settings(), service, timeout))


@app.command()
def rebuild(
    service: Annotated[str | None, typer.Argument(metavar="[SERVICE]", help="Only this one.")] = None,
    customer: Annotated[str | None, typer.Option(metavar="ID", help="Only this one.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help=AWAITED)] = 60.0,
) -> None:
    """Repair what `verify` shows, one customer at a time, while everything serves.

    May be broken off and run again. Exit code 1: there is no such customer, or what a figure is made from
    contradicts itself and is left as it is; 2: something does not answer.
    """
    from ops import rebuild as verb

    raise typer.Exit(verb.rebuild(_settings(), service, customer, timeout))


@credit.command("verify")
def verify_credit(timeout: Annotated[float, typer.Option(min=0.1, help=AWAITED)] = 60.0) -> None:
    """Another name for `verify credit`."""
    from ops import verify as verb

    raise typer.Exit(verb.verify(_settings(), "credit", timeout))


@credit.command()
def rescore(
    file: Annotated[Path, typer.Argument(metavar="FILE|-", exists=True, dir_okay=False, allow_dash=True)],
) -> None:
    """Score what credit checks were made from once more: one input, or an array of them.

    Exit code 1 if an input is not what it must be.
    """
    from ops import credit_rescore as verb

    raise typer.Exit(verb.rescore(file))


def main() -> None:
    """Entry point of the installed command."""
    app()


def _settings() -> Settings:
    try:
        return Settings.from_environment(os.environ)
    except SettingsInvalid as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(2) from None


if __name__ == "__main__":
    main()
