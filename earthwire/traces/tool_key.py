"""Tool keys: method, host and a path in which identifiers are collapsed to ``{id}``.

Three sources of knowledge, in this order: templates that the user gives, the shape of a segment
(`_segments`), and what a corpus shows: under one parent, many segments that each occur in a single session
are identifiers, while words recur across sessions.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from earthwire.traces._segments import template_segment

NOVEL_SEGMENTS_MIN = 8
"""So many segments under one parent, each seen in a single session, are identifiers."""
NOVEL_SESSIONS_MIN = 4
"""So many sessions must bring them: in fewer, words have had no chance to recur."""
NOVEL_SHARE_MIN = 0.5
"""Share of the sessions under the parent that bring a segment of their own, at least."""
_FIRST_DEPTH = 2
"""Right below the host stand service and version names; they are never learned away."""


@dataclass(frozen=True, slots=True)
class PathTemplater:
    """Collapses the identifiers in paths.

    Attributes:
        templates: explicit templates, the first match wins; ``{name}`` matches one segment.
        learned_: host and parent path (as a template) to the segments that stay literal below it; every other
            segment there is an identifier. Set by `learn`.
    """

    templates: tuple[str, ...] = ()
    learned_: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def template(self, path: str, host: str = "") -> str:
        """Return the template of a path, without query.

        Args:
            path: starts with ``/``.
            host: where it was called; what a corpus showed holds for one host only.

        >>> PathTemplater().template("/v1/users/4711/keys?page=2")
        '/v1/users/{id}/keys'
        """
        segments = path.partition("?")[0].split("/")
        for template in self.templates:
            if _matches(template.split("/"), segments):
                return template
        collapsed: list[str] = []
        for segment in segments:
            shape = template_segment(segment)
            words = self.learned_.get(host + "/".join(collapsed)) if self.learned_ else None
            is_learned_id = words is not None and shape == segment != "" and segment not in words
            collapsed.append("{id}" if is_learned_id else shape)
        return "/".join(collapsed)

    def learn(self, calls_by_session: Mapping[str, Iterable[tuple[str, str]]]) -> "PathTemplater":
        """Return a templater that also knows the identifiers which only the corpus betrays.

        Args:
            calls_by_session: session to its (host, path) pairs; paths may be templates already.
        """
        learned: dict[str, frozenset[str]] = {}
        calls = {session: set(pairs) for session, pairs in calls_by_session.items()}
        depth_max = max((path.count("/") for pairs in calls.values() for _, path in pairs), default=0)
        for depth in range(_FIRST_DEPTH, depth_max + 1):
            templater = PathTemplater(self.templates, dict(learned))
            calls = {
                session: {(host, templater.template(path, host)) for host, path in pairs}
                for session, pairs in calls.items()
            }
            learned |= _words_at_depth(depth, calls)
        return PathTemplater(self.templates, learned)


def tool_key(method: str, host: str, template: str) -> str:
    """Return the key that HTTP calls are grouped by: ``METHOD host/template``.

    >>> tool_key("get", "API.example.com", "/users/{id}")
    'GET api.example.com/users/{id}'
    """
    return f"{method.upper()} {host.lower()}{template if template.startswith('/') else '/' + template}"


def _matches(template: list[str], segments: list[str]) -> bool:
    return len(template) == len(segments) and all(
        expected == actual or (expected.startswith("{") and expected.endswith("}"))
        for expected, actual in zip(template, segments, strict=True)
    )


def _words_at_depth(depth: int, calls: Mapping[str, Iterable[tuple[str, str]]]) -> dict[str, frozenset[str]]:
    """Return, for each parent whose children are mostly identifiers, the children that are words."""
    sessions: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for session, pairs in calls.items():
        for host, path in pairs:
            segments = path.split("/")
            if depth < len(segments) and segments[depth] and not segments[depth].startswith("{"):
                sessions[host + "/".join(segments[:depth])][segments[depth]].add(session)
    return {parent: words for parent, children in sessions.items() if (words := _words(children)) is not None}


def _words(children: Mapping[str, set[str]]) -> frozenset[str] | None:
    """Return the children that recur across sessions, or None if the others do not look like identifiers."""
    words = frozenset(segment for segment, seen_in in children.items() if len(seen_in) > 1)
    novel_sessions = set().union(*(seen_in for segment, seen_in in children.items() if segment not in words))
    all_sessions = set().union(*children.values())
    is_numerous = len(children) - len(words) >= NOVEL_SEGMENTS_MIN
    is_spread = len(novel_sessions) >= max(NOVEL_SESSIONS_MIN, NOVEL_SHARE_MIN * len(all_sessions))
    return words if is_numerous and is_spread else None
