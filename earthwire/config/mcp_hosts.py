"""Configuration files of MCP hosts: has them start a wrapped server in place of a server, and back.

Claude Desktop, Claude Code (``.mcp.json``) and Cursor keep their servers under ``mcpServers``, VS Code under
``servers``. Only ``command`` and ``args`` of one server change; comments, order and layout stay as they are.
"""

import json
from collections.abc import Sequence
from typing import Final

import msgspec

from earthwire.config.jsonc import JsoncError, Replacement, Value, read_jsonc, replaced

SECTIONS: Final = ("mcpServers", "servers")
_SEPARATOR: Final = "--"
_MARK: Final = ("mcp", "wrap")


class HostConfigError(ValueError):
    """A configuration that cannot be changed as asked; says why and what to do."""


class Launch(msgspec.Struct, frozen=True):
    """How a host starts a server.

    Attributes:
        command: program.
        args: its arguments.
    """

    command: str
    args: tuple[str, ...] = ()

    @property
    def wrapped(self) -> "Launch | None":
        """The server inside of a wrapped one; None where this is none."""
        if self.args[: len(_MARK)] != _MARK or _SEPARATOR not in self.args:
            return None
        inner = self.args[self.args.index(_SEPARATOR) + 1 :]
        return Launch(inner[0], inner[1:]) if inner else None


def wrapped_launch(launch: Launch, program: str, options: Sequence[str], server_program: str) -> Launch:
    """Return the launch of a wrapped server.

    Args:
        launch: of the server itself.
        program: that wraps; an absolute path, since hosts start servers with a short PATH.
        options: of ``mcp wrap``.
        server_program: the server's own program, as an absolute path where it could be found.
    """
    return Launch(program, (*_MARK, *options, _SEPARATOR, server_program, *launch.args))


def server_names(text: str) -> list[str]:
    """Return the names of all servers in a configuration.

    Raises:
        HostConfigError: if it cannot be read, or holds no servers.
    """
    return sorted(_servers(text).members)


def read_launch(text: str, name: str) -> Launch:
    """Return how a host starts a server.

    Raises:
        HostConfigError: if there is no such server, or it is not started by a command.
    """
    server = _server(text, name)
    command, args = server.plain.get("command"), server.plain.get("args", [])
    if "url" in server.plain or "serverUrl" in server.plain:
        raise HostConfigError(
            f"server {name!r} is reached over HTTP: run `earthwire serve --mcp {name}=URL`, and put the address that "
            "it prints in place of the URL"
        )
    if not isinstance(command, str) or not command:
        raise HostConfigError(f"server {name!r} has no command")
    if not isinstance(args, list) or not all(isinstance(one, str) for one in args):
        raise HostConfigError(f"the args of server {name!r} are not a list of strings")
    return Launch(command, tuple(args))


def with_launch(text: str, name: str, launch: Launch) -> str:
    """Return a configuration that starts a server in another way; all else stays, byte for byte.

    Raises:
        HostConfigError: if there is no such server.
    """
    members = _server(text, name).members
    command, args = members["command"], members.get("args")
    new = [Replacement(command.start, command.end, json.dumps(launch.command, ensure_ascii=False))]
    items = _list(text, launch.args, args or command)
    if args is not None:
        new.append(Replacement(args.start, args.end, items))
    elif launch.args:
        separator = "," + _before(text, command)
        new.append(Replacement(command.end, command.end, f'{separator}"args": {items}'))
    return replaced(text, new)


def _list(text: str, args: Sequence[str], place: Value) -> str:
    """Return a list, one item a line where the configuration has it so."""
    items = [json.dumps(one, ensure_ascii=False) for one in args]
    old = text[place.start : place.end]
    if "\n" not in old:
        return "[" + ", ".join(items) + "]"
    outer = _indent(text, place.end - 1)
    inner = next((line for line in old.splitlines()[1:-1] if line.strip()), outer + "  ")
    indent = inner[: len(inner) - len(inner.lstrip())]
    return "[\n" + ",\n".join(indent + item for item in items) + "\n" + outer + "]"


def _before(text: str, value: Value) -> str:
    """Return the white space before the member that a value belongs to."""
    line = text[text.rfind("\n", 0, value.start) + 1 : value.start]
    is_first_in_line = line.lstrip().startswith('"command"')
    return "\n" + line[: len(line) - len(line.lstrip())] if is_first_in_line else " "


def _indent(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]


def _server(text: str, name: str) -> Value:
    servers = _servers(text).members
    if name not in servers:
        raise HostConfigError(f"no server {name!r}; there is {', '.join(sorted(servers)) or 'none'}")
    server = servers[name]
    if not isinstance(server.plain, dict):
        raise HostConfigError(f"server {name!r} is not an object")
    return server


def _servers(text: str) -> Value:
    try:
        whole = read_jsonc(text)
    except JsoncError as error:
        raise HostConfigError(f"not JSON, even with comments: {error}") from error
    for section in SECTIONS:
        found = whole.members.get(section)
        if found is not None and isinstance(found.plain, dict):
            return found
    raise HostConfigError(f"holds neither of {' and '.join(f'`{section}`' for section in SECTIONS)}")
