"""Which tools are siblings: the groups whose calls stand in where a tool's own are too few."""

import re

_HTTP_TOOL = re.compile(r"^([A-Z]+) (.+)$")
_SEPARATORS = re.compile(r"[/:? ]+")


def ancestors(tool: str) -> tuple[str, ...]:
    """Return the groups that a tool belongs to, nearest first; the group of all tools is not among them.

    For HTTP a group is a method, a host and a path prefix; for other tools a prefix of the name.

    >>> ancestors("GET api.example.com/v1/users/{id}")
    ('GET api.example.com/v1/users', 'GET api.example.com/v1', 'GET api.example.com')
    >>> ancestors("fetch/get_page"), ancestors("cart: Add"), ancestors("search")
    (('fetch',), ('cart',), ())
    """
    http = _HTTP_TOOL.match(tool)
    method, rest = (http[1] + " ", http[2]) if http else ("", tool)
    ends = [separator.start() for separator in _SEPARATORS.finditer(rest) if separator.start() > 0]
    return tuple(method + rest[:end] for end in reversed(ends))
