"""The ``earthwire`` command. Commands import what they need when they run, so that ``--help`` answers at once."""

import sys

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
    verify,
)
from earthwire.cli.console import fail
from earthwire.config.located_yaml import FileError
from earthwire.traces.errors import TraceFileError

app = typer.Typer(
    name="earthwire",
    help=(
        "Simulated tools that are as slow and as faulty as the recorded ones.\n\n"
        "Learn how your tools behave from traces (calibrate), put the proxy between agent and tools (serve), and see "
        "the match proven on sessions that were held out (fidelity, verify). Start with: earthwire demo"
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command("demo")(demo.demo)
app.command("import")(import_traces.import_traces)
app.command("record")(record.record)
app.command("calibrate")(calibrate.calibrate)
app.command("show")(show.show)
app.command("fidelity")(fidelity.fidelity)
app.command("verify")(verify.verify)
app.command("serve")(serve.serve)
app.command("run", context_settings={"allow_interspersed_args": False})(run.run)
app.command("forward")(forward.forward)
app.command("export")(export.export)
app.command("gauntlet", context_settings={"allow_interspersed_args": False})(gauntlet.gauntlet)
app.command("schema")(schema.schema)
app.add_typer(mcp.app, name="mcp", help="MCP servers over stdio: wrap one, or wrap it in a host's configuration.")
app.add_typer(recipes.app, name="recipes", help="Recipes that come with the package: list, show, diff; check a run.")
app.add_typer(profiles.app, name="profiles", help="Profiles that come with the package: list, show.")


def main() -> None:
    """Run the command line; a user's mistake ends with one message and exit code 2, never with a stack trace."""
    try:
        app()
    except TraceFileError as error:
        fail(str(error))
    except FileError as error:
        fail(error.illustrated)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
