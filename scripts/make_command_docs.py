"""Writes docs/commands.md from the help texts of the command line, so that the page cannot say anything else.

    python scripts/make_command_docs.py

It reads parameters rather than the formatted help, whose layout depends on the terminal and on the version of typer.
"""

import argparse
from pathlib import Path

import typer

from earthwire.cli.app import command_line

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"

_HEAD = """\
# Commands

Made from the help texts by `python scripts/make_command_docs.py`; `earthwire COMMAND --help` prints the same.

Exit codes: 0 ok or pass, 1 verdict fail, 2 bad input, 3 insufficient data, 4 INVALID, 130 Ctrl-C. Results go to stdout,
everything else to stderr; with `--json` stdout holds one JSON document and nothing else. `NO_COLOR` switches all
styling off.
"""


def page() -> str:
    """Return the text of the page."""
    command = typer.main.get_command(command_line())
    assert isinstance(command, typer.core.TyperGroup)
    sections = [_section(name, one) for name, one in commands(command).items()]
    return "\n".join([_HEAD, *sections])


Command = typer.core.TyperCommand | typer.core.TyperGroup


def commands(group: typer.core.TyperGroup, prefix: str = "") -> dict[str, Command]:
    """Return every command by its name, those of groups after the name of their group, which may be one itself."""
    found: dict[str, Command] = {}
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            if command.invoke_without_command:
                found[f"{prefix}{name}"] = command
            found.update(commands(command, f"{prefix}{name} "))
        else:
            found[f"{prefix}{name}"] = command
    return found


def _section(name: str, command: Command) -> str:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    usage = " ".join([f"earthwire {name}", *(_usage(argument) for argument in arguments), "[OPTIONS]"])
    paragraphs = [" ".join(paragraph.split()) for paragraph in (command.help or "").split("\n\n")]
    lines = [f"## {name}", "", "\n\n".join(paragraphs)]
    lines += ["", "```", usage, "```", "", "| | |", "|---|---|"]
    lines += [f"| `{argument.name}` | {_help(argument)} |" for argument in arguments]
    lines += [f"| {_names(option)} | {_help(option)} |" for option in options]
    return "\n".join([*lines, ""])


def _usage(argument: typer.core.TyperArgument) -> str:
    name = (argument.name or "").upper() + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _names(option: typer.core.TyperOption) -> str:
    return ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))


def _help(parameter: typer.core.TyperArgument | typer.core.TyperOption) -> str:
    text = parameter.help or ""
    if parameter.required:
        return f"{text} Required."
    if parameter.default is None or parameter.default is False:
        return text
    if parameter.default is True:
        return f"{text} Default: on."
    return f"{text} Default: `{parameter.default}`."


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
