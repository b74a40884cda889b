"""How ``--help`` writes what a parameter takes, and errors what is wrong with it: as people say it."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

_Function = TypeVar("_Function", bound=Callable[..., Any])

_TYPE = re.compile(r"<(?:list\[)?(\w+)(?: range)?\]?>")
_WORDS = {"str": "text", "int": "number", "float": "number"}


def readable(term: str) -> str:
    """Return the left side of a line of help with its type in words; bounds stand on the right side.

    >>> readable("-u, --upstream <list[str]>"), readable("traces... <list[Path]>"), readable("--port <int range>")
    ('-u, --upstream <text>', 'traces... <path>', '--port <number>')
    """
    return _TYPE.sub(lambda found: f"<{_WORDS.get(found[1], found[1].lower())}>", term)


class _Command(TyperCommand):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse, and say what is wrong without the words of whoever checks values underneath."""
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")
            raise

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write(self, ctx, formatter)


class _Group(TyperGroup):
    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write(self, ctx, formatter)
        self.format_commands(ctx, formatter)


def _write(command: TyperCommand | TyperGroup, context: Any, formatter: Any) -> None:
    # Contexts and formatters are click's own, or those of the copy in typer: that depends on the version.
    for heading, kind in (("Arguments", "argument"), ("Options", "option")):
        parameters = [one for one in command.get_params(context) if one.param_type_name == kind]
        records = [record for one in parameters if (record := one.get_help_record(context)) is not None]
        if records:
            with formatter.section(heading):
                formatter.write_dl([(readable(term), text) for term, text in records])


class CommandGroup(typer.Typer):
    """Commands whose help can be read.

    Args:
        settings: of typer.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(cls=_Group, no_args_is_help=True, rich_markup_mode=None, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[_Function], _Function]:
        """Return what adds a function as a command of this name."""
        return super().command(name, cls=_Command, **settings)
