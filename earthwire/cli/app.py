"""All commands of ``earthwire``. They import what they need when they run, so that ``--help`` answers at once."""

import gc
import sys
from typing import Annotated

import typer

from earthwire.cli import (
    calibrate,
    demo,
    export,
    fidelity,
    forward,
    gauntlet,
    import_traces,
    mcp,
    profiles,
    recipes,
    record,
    run,
    schema,
    serve,
    show,
    stress,
    verify,
)
from earthwire.cli.console import fail
from earthwire.cli.help_text import CommandGroup
from earthwire.cli.main import EXIT_INTERRUPTED
from earthwire.config.located_yaml import FileError
from earthwire.config.shipped import UnknownNameError
from earthwire.traces.errors import TraceFileError

app = CommandGroup(
    name="earthwire",
    help=(
        "Simulated tools that are as slow and as faulty as the recorded ones.\n\n"
        "Learn how your tools behave from traces (calibrate), put the proxy between agent and tools (serve), and see "
        "the match proven on sessions that were held out (fidelity, verify). Start with: earthwire demo"
    ),
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # Here, since it loads a parser of e-mail.

        print(f"earthwire {version('earthwire')}")
        raise typer.Exit


@app.callback()
def _top(
    version_wanted: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


app.command("demo", short_help="See it in a minute: recorded, mocked and simulated side by side.")(demo.demo)
app.command("import", short_help="Read traces of any known format.")(import_traces.import_traces)
app.command("record", short_help="Record how real tools behave.")(record.record)
app.command("calibrate", short_help="Learn a profile from traces.")(calibrate.calibrate)
app.command("show", short_help="Print a profile.")(show.show)
app.command("fidelity", short_help="How faithful is a simulation of held-out sessions?")(fidelity.fidelity)
app.command("verify", short_help="Compare a recording of the simulation with real traces.")(verify.verify)
app.command("serve", short_help="Put the proxy between an agent and its tools.")(serve.serve)
app.command(
    "run",
    short_help="Run an agent among simulated tools.",
    context_settings={"allow_interspersed_args": False},
)(run.run)
app.command("forward", short_help="Forward proxy for agents that only know HTTPS_PROXY.")(forward.forward)
app.command("export", short_help="Write traces for other programs.")(export.export)
app.command(
    "gauntlet",
    short_help="Which faults does a client survive?",
    context_settings={"allow_interspersed_args": False},
)(gauntlet.gauntlet)
app.add_typer(
    stress.app, name="stress", short_help="How much does an agent lose to each channel? And: panel."
)
app.command("schema", short_help="JSON Schema of recipes and profiles, for editors.")(schema.schema)
app.add_typer(mcp.app, name="mcp", help="MCP servers over stdio: wrap, wrap-config.")
app.add_typer(recipes.app, name="recipes", help="Shipped recipes: list, show, diff; check a run.")
app.add_typer(profiles.app, name="profiles", help="Shipped profiles: list, show.")


def run_app() -> None:
    """Run the command line; a user's mistake ends with one message and exit code 2, never with a stack trace."""
    try:
        app()
    except (TraceFileError, UnknownNameError) as error:
        fail(str(error))
    except FileError as error:
        fail(error.illustrated)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except KeyboardInterrupt:
        # While commands run typer does the same; before that it looks at the parameters of all of them.
        sys.exit(EXIT_INTERRUPTED)
    finally:
        # The process ends: looking once more for what refers to itself would take a tenth of a short command.
        gc.freeze()
