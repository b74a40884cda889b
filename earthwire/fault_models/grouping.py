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


def upstream(tool: str) -> str:
    """Return what a tool is served by: tools of one upstream fail and are limited together.

    For HTTP it is the host, for other tools the nearest prefix of the name, else the tool itself.

    >>> upstream("GET api.example.com/v1/users/{id}"), upstream("fetch/get_page"), upstream("search")
    ('api.example.com', 'fetch', 'search')
    """
    http = _HTTP_TOOL.match(tool)
    if http:
        return http[2].partition("/")[0]
    return next(iter(ancestors(tool)), tool)
