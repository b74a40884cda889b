"""All commands of ``earthwire``. The one that is asked for is loaded alone; it imports what it needs when it runs."""

import gc
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

import typer

from earthwire.cli.console import fail
from earthwire.cli.help_text import CommandGroup
from earthwire.traces.errors import TraceFileError


class _Entry(NamedTuple):
    """A command, or a group of them.

    Attributes:
        place: module in `earthwire.cli.commands` and, for a command, its function there; a group is the module's `app`.
        summary: what the list of commands says of it.
        settings: of typer.
    """

    place: str
    summary: str
    settings: Mapping[str, Any] = MappingProxyType({})


_AGENT_ARGUMENTS = {"context_settings": {"allow_interspersed_args": False}}
COMMANDS = {
    "demo": _Entry("demo:demo", "See it in a minute: recorded, mocked and simulated side by side."),
    "import": _Entry("import_traces:import_traces", "Read traces of any known format."),
    "record": _Entry("record:record", "Record how real tools behave."),
    "calibrate": _Entry("calibrate:calibrate", "Learn a profile from traces."),
    "show": _Entry("show:show", "Print a profile."),
    "fidelity": _Entry("fidelity:fidelity", "How faithful is a simulation of held-out sessions?"),
    "verify": _Entry("verify:verify", "Compare a recording of the simulation with real traces."),
    "serve": _Entry("serve:serve", "Put the proxy between an agent and its tools."),
    "run": _Entry("run:run", "Run an agent among simulated tools.", _AGENT_ARGUMENTS),
    "forward": _Entry("forward:forward", "Forward proxy for agents that only know HTTPS_PROXY."),
    "export": _Entry("export:export", "Write traces for other programs."),
    "gauntlet": _Entry("gauntlet:gauntlet", "Which faults does a client survive?", _AGENT_ARGUMENTS),
    "stress": _Entry("stress", "How much does an agent lose to each channel? And: panel."),
    "schema": _Entry("schema:schema", "JSON Schema of recipes and profiles, for editors."),
    "mcp": _Entry("mcp", "MCP servers over stdio: wrap, wrap-config."),
    "recipes": _Entry("recipes", "Shipped recipes: list, show, diff; check a run."),
    "profiles": _Entry("profiles", "Shipped profiles: list, show."),
}
"""All commands by name, in the order of the help."""


def command_line(names: Iterable[str] = COMMANDS) -> CommandGroup:
    """Return the command line with some of its commands, by default all."""
    app = CommandGroup(
        name="earthwire",
        help=(
            "Simulated tools that are as slow and as faulty as the recorded ones.\n\n"
            "Learn how your tools behave from traces (calibrate), put the proxy between agent and tools (serve), and "
            "see the match proven on sessions that were held out (fidelity, verify). Start with: earthwire demo"
        ),
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback()(_top)
    for name in names:
        _add(app, name, COMMANDS[name])
    return app


def _add(app: CommandGroup, name: str, entry: _Entry) -> None:
    module, _, function = entry.place.partition(":")
    loaded = import_module(f"earthwire.cli.commands.{module}")
    if function:
        app.command(name, short_help=entry.summary, **entry.settings)(getattr(loaded, function))
    else:
        app.add_typer(loaded.app, name=name, short_help=entry.summary, **entry.settings)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # Here, since it loads a parser of e-mail.

        print(f"earthwire {version('earthwire')}")
        raise typer.Exit


def _top(
    version_wanted: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


def asked_for(arguments: Sequence[str]) -> CommandGroup:
    """Return the command line with the command that arguments begin with; with all where they begin with none."""
    first = arguments[:1]
    return command_line(first if first and first[0] in COMMANDS else COMMANDS)


def run_app(app: CommandGroup) -> None:
    """Run the command line; a user's mistake ends with one message and exit code 2, never with a stack trace."""
    try:
        app()
    except TraceFileError as error:
        fail(str(error))
    except ValueError as error:
        # Here, since these are slow to load.
        from earthwire.config.located_yaml import FileError
        from earthwire.config.shipped import UnknownNameError

        if not isinstance(error, FileError | UnknownNameError):
            raise
        fail(error.illustrated if isinstance(error, FileError) else str(error))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    finally:
        # The process ends: looking once more for what refers to itself would take a tenth of a short command.
        gc.freeze()
